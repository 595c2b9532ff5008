import { useI18n } from "../../i18n";
import { Button } from "../common";
import styles from "./UndoBar.module.css";

/** Whether there is something to undo. */
export interface UndoBarProps {
  readonly shown: boolean;
  readonly onUndo: () => void;
  /** The pointer or the focus came to the button, or went. */
  readonly onHold: (held: boolean) => void;
}

/** Says that a notification was cleared, and offers it back. */
export function UndoBar({ shown, onUndo, onHold }: UndoBarProps) {
  const texts = useI18n().centre.notifications;
  return (
    <div role="status" className={styles.status}>
      {shown ? (
        <div className={styles.bar}>
          <span>{texts.cleared}</span>
          <Button
            className={styles.button}
            onClick={onUndo}
            onPointerEnter={() => onHold(true)}
            onPointerLeave={() => onHold(false)}
            onFocus={() => onHold(true)}
            onBlur={() => onHold(false)}
          >
            {texts.undo}
          </Button>
        </div>
      ) : null}
    </div>
  );
}
