import { RefreshCw, TriangleAlert } from "lucide-react";
import { useI18n } from "../../i18n";
import { Button } from "./Button";
import { EmptyState } from "./EmptyState";
import styles from "./EmptyState.module.css";

/** What failed, in the server's words, and how to try again. */
export interface ErrorStateProps {
  readonly title?: string | undefined;
  readonly message: string;
  readonly onRetry?: (() => void) | undefined;
}

/** Stands where a list would, and is announced. */
export function ErrorState({ title, message, onRetry }: ErrorStateProps) {
  const texts = useI18n().centre.common;
  const retry = onRetry ? (
    <Button onClick={() => onRetry()}>
      <RefreshCw />
      {texts.retry}
    </Button>
  ) : null;
  return (
    <div role="alert" className={styles.alert}>
      <EmptyState icon={<TriangleAlert />} title={title ?? texts.errorTitle} hint={message} action={retry} />
    </div>
  );
}
