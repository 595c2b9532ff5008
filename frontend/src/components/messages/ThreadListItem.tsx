import { memo } from "react";
import { useI18n } from "../../i18n";
import type { Presence, Thread, UserId } from "../../types/generated/contract";
import { Avatar, Badge } from "../common";
import styles from "./ThreadListItem.module.css";
import { ThreadPreview } from "./ThreadPreview";
import { counterpart, threadName, threadPicture, threadTopic } from "./threadSummary";

/** A thread as it stands in the inbox. */
export interface ThreadListItemProps {
  readonly thread: Thread;
  readonly me: UserId | null;
  /** Of the other one in a direct thread. */
  readonly presence?: Presence | undefined;
  /** Names of those who type in it. */
  readonly typingNames: readonly string[];
  readonly isSelected: boolean;
  /** The one of the list that Tab reaches. */
  readonly isTabStop: boolean;
  readonly onSelect: (threadId: string) => void;
}

/** A thread of the inbox: whom with, what about, the last message, what is unread. */
export const ThreadListItem = memo(function ThreadListItem(props: ThreadListItemProps) {
  const { thread, me, presence, typingNames, isSelected, isTabStop, onSelect } = props;
  const { chat, formats } = useI18n();
  const name = threadName(thread, me) || chat.inbox.unnamed;
  const topic = threadTopic(thread);
  const at = thread.last_message?.sent_at ?? thread.activity_at;
  const state = counterpart(thread, me) ? presence?.state : undefined;
  return (
    <button
      type="button"
      className={styles.item}
      data-thread-id={thread.id}
      data-unread={thread.unread_count > 0 || undefined}
      aria-current={isSelected ? "true" : undefined}
      tabIndex={isTabStop ? 0 : -1}
      onClick={() => onSelect(thread.id)}
    >
      <Avatar name={name} url={threadPicture(thread, me)} presence={state === "offline" ? undefined : state} />{" "}
      <span className={styles.lines}>
        <span className={styles.line}>
          {/* The spaces part the words of the button's name. */}
          <span className={styles.name}>{name}</span>{" "}
          <time className={styles.time} dateTime={at} title={formats.full(at)}>
            {formats.brief(at)}
          </time>
        </span>{" "}
        {topic && <span className={styles.topic}>{topic}</span>}{" "}
        <span className={styles.line}>
          <ThreadPreview thread={thread} me={me} typingNames={typingNames} />{" "}
          <Badge count={thread.unread_count} label={chat.inbox.unread(thread.unread_count)} />
        </span>
      </span>
    </button>
  );
});
