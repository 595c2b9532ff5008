import { type KeyboardEvent, type RefObject, useCallback, useEffect, useMemo, useRef } from "react";
import { useI18n } from "../../i18n";
import type { ChatMessage } from "../../services/types";
import { Spinner, VisuallyHidden } from "../common";
import { FloatingDate } from "./FloatingDate";
import { HistoryRowView, type HistoryRowViewProps } from "./HistoryRowView";
import { JumpToLatest } from "./JumpToLatest";
import styles from "./MessageHistory.module.css";
import { type HistoryRow, toRows } from "./rows";
import { TypingIndicator } from "./TypingIndicator";
import { useArrivals } from "./useArrivals";
import { useHistoryScroll } from "./useHistoryScroll";
import type { HistoryVirtualizer } from "./useHistoryVirtualizer";

/** A stretch of messages, how it goes on at both ends, and what the reader does with it. */
export interface MessageHistoryProps {
  /** Who the conversation is with. */
  readonly name: string;
  readonly isGroup: boolean;
  readonly messages: readonly ChatMessage[];
  readonly firstUnreadSeq: number | null;
  readonly hasMoreBefore: boolean;
  readonly hasMoreAfter: boolean;
  readonly isLoadingBefore: boolean;
  readonly isLoadingAfter: boolean;
  readonly onLoadBefore: () => void;
  readonly onLoadAfter: () => void;
  /** The latest are not loaded: load them in place of these. */
  readonly onJumpToLatest: () => void;
  /** The newest stored message that is, or was, in sight. */
  readonly onSeen: (message: ChatMessage) => void;
  readonly onRetry: (key: string) => void;
  readonly onDiscard: (key: string) => void;
  /** Shown on the button that jumps to the latest. */
  readonly unreadCount: number;
  readonly typingNames: readonly string[];
  /** Pictures by `String(user_id)`. */
  readonly avatars: ReadonlyMap<string, string | null>;
  /** The message to open at. */
  readonly targetSeq?: number | null;
}

/**
 * The messages of a thread, virtualised. Give it a `key` per thread. Screen readers read it as a log; what arrives is
 * told by a region of its own, because rows come and go as one scrolls.
 */
export function MessageHistory(props: MessageHistoryProps) {
  const { messages, firstUnreadSeq, hasMoreBefore, hasMoreAfter, onSeen, targetSeq = null } = props;
  const { chat } = useI18n();
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const rows = useMemo(
    () => toRows({ messages, firstUnreadSeq, hasMoreBefore }),
    [messages, firstUnreadSeq, hasMoreBefore],
  );
  const scroll = useHistoryScroll({ ...props, rows, scroller, content, targetSeq });
  const { virtualizer, seen, isAtEnd, jumpToLatest, jumpToOldest } = scroll;
  const announcement = useArrivals(messages, hasMoreAfter);
  const onRetry = useFocusKept(scroller, props.onRetry);
  const onDiscard = useFocusKept(scroller, props.onDiscard);

  useEffect(() => {
    if (seen) onSeen(seen);
  }, [seen, onSeen]);

  return (
    <div className={styles.history}>
      <div
        ref={scroller}
        className={styles.scroller}
        role="log"
        aria-live="off"
        aria-label={chat.history.label(props.name)}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it by keys
        tabIndex={0}
        onKeyDown={(event) => onEndKeys(event, jumpToOldest, jumpToLatest)}
        {...scroll.focus}
      >
        <div ref={content} className={styles.content}>
          <RowsInSight
            {...props}
            onRetry={onRetry}
            onDiscard={onDiscard}
            rows={rows}
            virtualizer={virtualizer}
            marked={scroll.marked}
          />
          <TypingIndicator names={props.typingNames} />
        </div>
      </div>
      <FloatingDate
        row={rows[virtualizer.range?.startIndex ?? 0]}
        isShown={virtualizer.isScrolling && !isAtEnd && (virtualizer.scrollOffset ?? 0) > 60}
      />
      <PageSpinner isShown={props.isLoadingBefore && (virtualizer.range?.startIndex ?? 0) < 2} edge="top" />
      <PageSpinner isShown={props.isLoadingAfter} edge="bottom" />
      {!isAtEnd && rows.length > 0 && <JumpToLatest count={props.unreadCount} onJump={jumpToLatest} />}
      <div aria-live="polite">
        <VisuallyHidden key={announcement.id}>{announcement.text}</VisuallyHidden>
      </div>
    </div>
  );
}

/** The button goes away with what it does: the history, which it is in, takes its focus. */
function useFocusKept(scroller: RefObject<HTMLElement | null>, act: (key: string) => void): (key: string) => void {
  return useCallback(
    (key: string) => {
      act(key);
      scroller.current?.focus({ preventScroll: true });
    },
    [scroller, act],
  );
}

/** Home and End of the scroller itself, not of what is focused in it. */
function onEndKeys(event: KeyboardEvent, toOldest: () => void, toLatest: () => void): void {
  if (event.target !== event.currentTarget || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key !== "Home" && event.key !== "End") return;
  event.preventDefault();
  if (event.key === "Home") toOldest();
  else toLatest();
}

interface RowsInSightProps extends Omit<HistoryRowViewProps, "row"> {
  readonly rows: readonly HistoryRow[];
  readonly virtualizer: HistoryVirtualizer;
}

function RowsInSight({ rows, virtualizer, ...props }: RowsInSightProps) {
  return (
    <div className={styles.rows} style={{ blockSize: virtualizer.getTotalSize() }}>
      {virtualizer.getVirtualItems().map((item) => (
        <div
          key={item.key}
          ref={virtualizer.measureElement}
          data-index={item.index}
          className={styles.slot}
          style={{ transform: `translateY(${item.start}px)` }}
        >
          <HistoryRowView {...props} row={rows[item.index]} />
        </div>
      ))}
    </div>
  );
}

function PageSpinner({ isShown, edge }: { readonly isShown: boolean; readonly edge: "top" | "bottom" }) {
  const { chat } = useI18n();
  if (!isShown) return null;
  return (
    <div className={styles.spinner} data-edge={edge}>
      <Spinner label={edge === "top" ? chat.history.loadingOlder : chat.history.loadingNewer} />
    </div>
  );
}
