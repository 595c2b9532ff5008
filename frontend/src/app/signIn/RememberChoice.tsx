import { useAppTexts } from "../texts";
import styles from "./SignIn.module.css";

/** Whether new tabs of this device shall be the same person. */
export interface RememberChoiceProps {
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}

/** A checkbox: it says what will happen, while a switch acts at once. */
export function RememberChoice({ checked, onChange }: RememberChoiceProps) {
  const texts = useAppTexts().signIn;
  return (
    <label className={styles.remember}>
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.target.checked)} />
      {texts.remember}
    </label>
  );
}
