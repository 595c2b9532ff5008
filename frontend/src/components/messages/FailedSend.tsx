import { RotateCw, Trash2 } from "lucide-react";
import { useI18n } from "../../i18n";
import styles from "./FailedSend.module.css";

/** Why a message was not sent, and what to do about it. */
export interface FailedSendProps {
  readonly reason: string | null;
  readonly onRetry: () => void;
  readonly onDiscard: () => void;
}

/** Stands under a message that the server refused. */
export function FailedSend({ reason, onRetry, onDiscard }: FailedSendProps) {
  const { chat } = useI18n();
  return (
    <div className={styles.failed}>
      <span className={styles.reason}>{reason ? chat.message.failedBecause(reason) : chat.message.failed}</span>
      <button type="button" className={styles.action} onClick={onRetry}>
        <RotateCw aria-hidden="true" />
        {chat.message.retry}
      </button>
      <button type="button" className={styles.action} onClick={onDiscard}>
        <Trash2 aria-hidden="true" />
        {chat.message.discard}
      </button>
    </div>
  );
}
