import { MessageCircle } from "lucide-react";
import { useMemo } from "react";
import { useIsOnline } from "../../hooks/useIsOnline";
import type { ThreadResult } from "../../hooks/useThread";
import { useI18n } from "../../i18n";
import { EmptyState, ErrorState } from "../common";
import { HistorySkeleton } from "./HistorySkeleton";
import { MessageHistory } from "./MessageHistory";
import styles from "./RealTimeChatWindow.module.css";
import { useAttention } from "./useAttention";
import { useReadReceipts } from "./useReadReceipts";

/** A conversation and what its history needs besides. */
export interface ChatBodyProps {
  readonly conversation: ThreadResult;
  readonly name: string;
  readonly typingNames: readonly string[];
  readonly targetSeq: number | null;
}

/** Whoever discarded the only message had the focus in a history that is gone. */
function takeLostFocus(element: HTMLElement | null): void {
  if (document.activeElement === document.body) element?.focus({ preventScroll: true });
}

/** The messages, or what stands in their place while there are none. */
export function ChatBody({ conversation, name, typingNames, targetSeq }: ChatBodyProps) {
  const { chat } = useI18n();
  const { thread, messages, isLoading, error, reload, hasMoreBefore, hasMoreAfter } = conversation;
  const isOnline = useIsOnline();
  const isEmpty = messages.length === 0;
  if (isEmpty && error) {
    return (
      <div className={styles.middle}>
        <ErrorState title={chat.history.errorTitle} message={error.message} onRetry={reload} />
      </div>
    );
  }
  // Without a connection there may be nothing but what waits for one.
  if ((isLoading || !thread) && (isOnline || isEmpty)) return <HistorySkeleton />;
  if (isEmpty && !hasMoreBefore && !hasMoreAfter) {
    return (
      <div className={styles.middle} ref={takeLostFocus} tabIndex={-1}>
        <EmptyState icon={<MessageCircle />} title={chat.history.emptyTitle} hint={chat.history.emptyHint} />
      </div>
    );
  }
  return <Messages conversation={conversation} name={name} typingNames={typingNames} targetSeq={targetSeq} />;
}

function Messages({ conversation, name, typingNames, targetSeq }: ChatBodyProps) {
  const { thread, markRead } = conversation;
  const isOnline = useIsOnline();
  const isAttentive = useAttention() && isOnline;
  const unreadCount = thread?.unread_count ?? 0;
  const onSeen = useReadReceipts({ isAttentive, unreadCount, markRead });
  const participants = thread?.participants;
  const avatars = useMemo(
    () => new Map((participants ?? []).map((one) => [String(one.user_id), one.avatar_url])),
    [participants],
  );
  return (
    <MessageHistory
      name={name}
      isGroup={thread?.kind !== "direct"}
      messages={conversation.messages}
      firstUnreadSeq={conversation.firstUnreadSeq}
      hasMoreBefore={conversation.hasMoreBefore}
      hasMoreAfter={conversation.hasMoreAfter}
      isLoadingBefore={conversation.isLoadingBefore}
      isLoadingAfter={conversation.isLoadingAfter}
      onLoadBefore={conversation.loadBefore}
      onLoadAfter={conversation.loadAfter}
      onJumpToLatest={conversation.jumpToLatest}
      onSeen={onSeen}
      onRetry={conversation.retry}
      onDiscard={conversation.discard}
      unreadCount={unreadCount}
      typingNames={typingNames}
      avatars={avatars}
      targetSeq={targetSeq}
    />
  );
}
