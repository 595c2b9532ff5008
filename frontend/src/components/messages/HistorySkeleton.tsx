import { useI18n } from "../../i18n";
import { VisuallyHidden } from "../common";
import styles from "./HistorySkeleton.module.css";

const BUBBLES = [
  { width: "55%", mine: false },
  { width: "38%", mine: false },
  { width: "46%", mine: true },
  { width: "62%", mine: false },
  { width: "30%", mine: true },
  { width: "50%", mine: true },
];

/** Stands where messages will. */
export function HistorySkeleton() {
  const { chat } = useI18n();
  return (
    <div role="status" className={styles.skeleton}>
      <VisuallyHidden>{chat.history.loading}</VisuallyHidden>
      {BUBBLES.map(({ width, mine }) => (
        <span key={width} className={styles.bubble} data-mine={mine || undefined} style={{ inlineSize: width }} />
      ))}
    </div>
  );
}
