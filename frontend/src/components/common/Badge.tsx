import styles from "./Badge.module.css";
import { countText } from "./countText";
import { VisuallyHidden } from "./VisuallyHidden";

/** A count, and what it counts in words ("3 unread messages") for screen readers. */
export interface BadgeProps {
  readonly count: number;
  readonly label: string;
}

/** A count on the primary colour; nothing at 0. */
export function Badge({ count, label }: BadgeProps) {
  if (count <= 0) return null;
  return (
    <span className={styles.badge}>
      <span aria-hidden="true">{countText(count)}</span>
      <VisuallyHidden>{label}</VisuallyHidden>
    </span>
  );
}
