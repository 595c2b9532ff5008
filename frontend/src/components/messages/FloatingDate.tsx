import { useI18n } from "../../i18n";
import styles from "./FloatingDate.module.css";
import { type HistoryRow, messageOf } from "./rows";

/** The day of the topmost row while one scrolls. For the eyes alone: the history has its date separators. */
export function FloatingDate({ row, isShown }: { readonly row: HistoryRow | undefined; readonly isShown: boolean }) {
  const { formats } = useI18n();
  const at = row?.kind === "date" ? row.at : messageOf(row)?.sent_at;
  if (!at) return null;
  return (
    <div className={styles.floating} data-shown={isShown || undefined} aria-hidden="true">
      <span className={styles.chip}>{formats.day(at)}</span>
    </div>
  );
}
