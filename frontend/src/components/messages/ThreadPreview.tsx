import { useI18n } from "../../i18n";
import type { Thread, UserId } from "../../types/generated/contract";
import styles from "./ThreadPreview.module.css";
import { Ticks } from "./Ticks";
import { lastMessageState } from "./threadSummary";

/** A thread, for whom, and who types in it. */
export interface ThreadPreviewProps {
  readonly thread: Thread;
  readonly me: UserId | null;
  readonly typingNames: readonly string[];
}

/** The last message in one line, or who is writing the next. */
export function ThreadPreview({ thread, me, typingNames }: ThreadPreviewProps) {
  const { chat } = useI18n();
  const [typist] = typingNames;
  const last = thread.last_message;
  if (typist !== undefined) {
    const text = thread.kind === "direct" ? chat.inbox.typing : chat.inbox.typingName(typist);
    return <span className={styles.typing}>{text}</span>;
  }
  if (!last) return <span className={styles.preview}>{chat.inbox.noMessages}</span>;
  const state = lastMessageState(thread, me);
  const author = state ? chat.inbox.you : thread.kind !== "direct" && last.sender_name ? `${last.sender_name}:` : null;
  return (
    <span className={styles.preview}>
      {state && <Ticks state={state} />} {author && <span className={styles.author}>{author}</span>} {last.content}
    </span>
  );
}
