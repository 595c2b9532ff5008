import styles from "./Skeleton.module.css";

/** Grey lines in the place of text that is on its way. Not for screen readers: mark what is around as `aria-busy`. */
export function Skeleton({ lines = 1 }: { readonly lines?: number }) {
  return (
    <span className={styles.skeleton} aria-hidden="true">
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike
        <span key={line} className={styles.line} />
      ))}
    </span>
  );
}
