import { memo } from "react";
import { useI18n } from "../../i18n";
import type { ChatMessage } from "../../services/types";
import { Avatar, classes, VisuallyHidden } from "../common";
import { FailedSend } from "./FailedSend";
import styles from "./MessageBubble.module.css";
import { MessageText } from "./MessageText";
import type { GroupPosition } from "./rows";
import { Ticks } from "./Ticks";
import { emojiCount } from "./text";

/** A message, where it stands among its sender's, and what can be done with it. */
export interface MessageBubbleProps {
  readonly message: ChatMessage;
  readonly position: GroupPosition;
  /** In a group others' messages show who wrote them. */
  readonly isGroup: boolean;
  readonly avatarUrl?: string | null;
  readonly onRetry: (key: string) => void;
  readonly onDiscard: (key: string) => void;
}

/** One message: one's own at the end of the line, others' at its start. */
export const MessageBubble = memo(function MessageBubble(props: MessageBubbleProps) {
  const { message, position, isGroup, avatarUrl, onRetry, onDiscard } = props;
  const { chat } = useI18n();
  const begins = position === "start" || position === "single";
  const ends = position === "end" || position === "single";
  const sender = message.mine ? chat.message.you : (message.sender_name ?? chat.message.unknownSender);
  const showsSender = isGroup && !message.mine;
  const emojis = emojiCount(message.content);
  return (
    <article
      className={classes(styles.row, message.mine ? styles.mine : styles.theirs)}
      data-position={position}
      data-state={message.state}
    >
      {showsSender && (
        <span className={styles.avatar}>{ends && <Avatar name={sender} url={avatarUrl} size="small" />}</span>
      )}
      <div className={styles.column}>
        <div className={styles.bubble} data-plain={emojis > 0 && emojis <= 3 ? "" : undefined}>
          {showsSender && begins ? (
            <span className={styles.sender}>{sender}</span>
          ) : (
            <VisuallyHidden>{sender}: </VisuallyHidden>
          )}
          <MessageText content={message.content} />
          <MessageMeta message={message} />
        </div>
        {message.state === "failed" && (
          <FailedSend
            reason={message.error?.message ?? null}
            onRetry={() => onRetry(message.key)}
            onDiscard={() => onDiscard(message.key)}
          />
        )}
      </div>
    </article>
  );
});

/** When, and how far it got. */
function MessageMeta({ message }: { readonly message: ChatMessage }) {
  const { formats } = useI18n();
  return (
    <span className={styles.meta}>
      <time dateTime={message.sent_at} title={formats.full(message.sent_at)}>
        {formats.time(message.sent_at)}
      </time>
      {message.mine && <Ticks state={message.state} />}
    </span>
  );
}
