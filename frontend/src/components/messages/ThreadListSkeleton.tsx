import { useI18n } from "../../i18n";
import { Skeleton, VisuallyHidden } from "../common";
import styles from "./ThreadListSkeleton.module.css";

const ROWS = [1, 2, 3, 4, 5, 6, 7];

/** Stands where threads will. */
export function ThreadListSkeleton() {
  const { chat } = useI18n();
  return (
    <div role="status" className={styles.skeleton}>
      <VisuallyHidden>{chat.inbox.loading}</VisuallyHidden>
      {ROWS.map((row) => (
        <div key={row} className={styles.row} aria-hidden="true">
          <span className={styles.circle} />
          <span className={styles.lines}>
            <Skeleton lines={2} />
          </span>
        </div>
      ))}
    </div>
  );
}
