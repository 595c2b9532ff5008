import type { ReactNode } from "react";
import styles from "./EmptyState.module.css";

/** What is not here, why, and what to do about it. */
export interface EmptyStateProps {
  readonly icon: ReactNode;
  readonly title: string;
  readonly hint?: string | undefined;
  /** Usually a Button. */
  readonly action?: ReactNode;
}

/** Stands where a list would. */
export function EmptyState({ icon, title, hint, action }: EmptyStateProps) {
  return (
    <div className={styles.state}>
      <span className={styles.icon} aria-hidden="true">
        {icon}
      </span>
      <p className={styles.title}>{title}</p>
      {hint ? <p className={styles.hint}>{hint}</p> : null}
      {action ? <div className={styles.action}>{action}</div> : null}
    </div>
  );
}
