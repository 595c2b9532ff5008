import { memo } from "react";
import { useI18n } from "../../i18n";
import type { ChatMessage } from "../../services/types";
import { VisuallyHidden } from "../common";
import styles from "./Separators.module.css";

/** Between two days. */
export const DateSeparator = memo(function DateSeparator({ at }: { readonly at: string }) {
  const { formats } = useI18n();
  return (
    <div className={styles.line}>
      <time className={styles.chip} dateTime={at.slice(0, 10)}>
        {formats.day(at)}
      </time>
    </div>
  );
});

/** Above what was unread when the thread was opened. */
export const UnreadSeparator = memo(function UnreadSeparator() {
  const { chat } = useI18n();
  return (
    <div className={styles.unread}>
      <span>{chat.history.unreadSeparator}</span>
    </div>
  );
});

/** What the system, not a person, wrote. */
export const SystemMessage = memo(function SystemMessage({ message }: { readonly message: ChatMessage }) {
  const { chat, formats } = useI18n();
  return (
    <article className={styles.line}>
      <span className={styles.system}>
        <VisuallyHidden>{chat.message.system}: </VisuallyHidden>
        {message.content}{" "}
        <time className={styles.time} dateTime={message.sent_at} title={formats.full(message.sent_at)}>
          {formats.time(message.sent_at)}
        </time>
      </span>
    </article>
  );
});
