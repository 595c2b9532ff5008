import { Modal } from "../../components/common";
import { SHORTCUTS, type ShortcutId } from "../navigation/shortcuts";
import { useAppTexts } from "../texts";
import styles from "./HelpSheet.module.css";

/** Whether it is open. */
export interface HelpSheetProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
}

/** Every shortcut and what it does. */
export function HelpSheet({ open, onOpenChange }: HelpSheetProps) {
  const texts = useAppTexts().shortcuts;
  const ids = [...new Set(SHORTCUTS.map(({ id }) => id))];
  return (
    <Modal open={open} onOpenChange={onOpenChange} title={texts.title} description={texts.hint}>
      <dl className={styles.list}>
        {ids.map((id) => (
          <div key={id} className={styles.row}>
            <dt>{texts[id]}</dt>
            <dd className={styles.keys}>
              <Combinations id={id} />
            </dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}

function Combinations({ id }: { readonly id: ShortcutId }) {
  const texts = useAppTexts().shortcuts;
  return SHORTCUTS.filter((shortcut) => shortcut.id === id).map(({ keys }, index) => (
    <span key={keys.join()}>
      {index > 0 ? <span className={styles.or}> {texts.or} </span> : null}
      {keys.map((key, place) => (
        <span key={key}>
          {place > 0 ? " + " : null}
          <kbd className={styles.key}>{key}</kbd>
        </span>
      ))}
    </span>
  ));
}
