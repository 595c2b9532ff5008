import styles from "./Spinner.module.css";
import { VisuallyHidden } from "./VisuallyHidden";

/** A turning ring; the label, what is awaited, is announced and not seen. */
export function Spinner({ label }: { readonly label: string }) {
  return (
    <span role="status" className={styles.spinner}>
      <span className={styles.ring} aria-hidden="true" />
      <VisuallyHidden>{label}</VisuallyHidden>
    </span>
  );
}
