import { Button } from "../../components/common";
import type { Session } from "../session/session";
import { useAppTexts } from "../texts";
import styles from "./SignIn.module.css";

/** Who is signed in, and whose token the address brought. */
export interface OtherPersonProps {
  readonly current: Session;
  readonly other: Session;
  readonly onSwitch: () => void;
  readonly onStay: () => void;
}

/**
 * Asks before a link signs someone in as another person: a link of a stranger must not make anyone write into the
 * stranger's account.
 */
export function OtherPerson({ current, other, onSwitch, onStay }: OtherPersonProps) {
  const texts = useAppTexts();
  const name = other.name ?? texts.signIn.someone;
  return (
    <div className={styles.page}>
      <main className={styles.card}>
        <h1 className={styles.question}>{texts.signIn.otherTitle(name)}</h1>
        <p className={styles.hint}>{texts.signIn.otherHint(current.name ?? texts.signIn.someone)}</p>
        <div className={styles.actions}>
          <Button onClick={onStay}>{texts.signIn.stay}</Button>
          <Button variant="primary" onClick={onSwitch}>
            {texts.signIn.switchTo(name)}
          </Button>
        </div>
      </main>
    </div>
  );
}
