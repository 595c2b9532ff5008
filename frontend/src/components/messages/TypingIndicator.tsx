import { useI18n } from "../../i18n";
import styles from "./TypingIndicator.module.css";

/** Who writes at this moment, as a bubble with moving dots. Not announced: it comes and goes too often. */
export function TypingIndicator({ names }: { readonly names: readonly string[] }) {
  const { chat } = useI18n();
  if (names.length === 0) return null;
  return (
    <div className={styles.typing}>
      <span className={styles.bubble} aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <span className={styles.names}>{chat.history.typing(names)}</span>
    </div>
  );
}
