import { type RefObject, useCallback, useLayoutEffect, useRef } from "react";
import type { ChatMessage } from "../../services/types";
import { type HistoryRow, messageOf } from "./rows";
import { type HistoryOpeningOptions, type Opened, useHistoryOpening } from "./useHistoryOpening";
import { type HistoryPagingOptions, useHistoryPaging } from "./useHistoryPaging";
import {
  type HistoryVirtualizer,
  type HistoryVirtualizerOptions,
  useHistoryVirtualizer,
} from "./useHistoryVirtualizer";
import { type StickToEnd, useStickToEnd } from "./useStickToEnd";

export interface HistoryScrollOptions extends HistoryVirtualizerOptions, HistoryOpeningOptions, HistoryPagingOptions {
  readonly content: RefObject<HTMLDivElement | null>;
  readonly onJumpToLatest: () => void;
}

/** One's own message that was just written takes its writer to the end. */
function useOwnSend(rows: readonly HistoryRow[], toEnd: () => void) {
  const last = messageOf(rows.at(-1));
  const pendingKey = last?.mine && last.seq === null ? last.key : null;
  const before = useRef<string | null>(pendingKey);
  useLayoutEffect(() => {
    if (pendingKey !== null && pendingKey !== before.current) toEnd();
    before.current = pendingKey ?? before.current;
  }, [pendingKey, toEnd]);
}

/** The newest stored message of which the reader has seen the end. */
function lastSeen(virtualizer: HistoryVirtualizer, rows: readonly HistoryRow[], isAtEnd: boolean): ChatMessage | null {
  if (!virtualizer.range) return null;
  let index = isAtEnd ? rows.length - 1 : virtualizer.range.endIndex;
  const bottom = (virtualizer.scrollOffset ?? 0) + (virtualizer.scrollRect?.height ?? 0);
  if (!isAtEnd && (virtualizer.measurementsCache[index]?.end ?? 0) > bottom + 4) index -= 1;
  for (; index >= 0; index--) {
    const message = messageOf(rows[index]);
    if (message && message.seq !== null) return message;
  }
  return null;
}

/** To the latest, loaded or not; and there it stays, whatever the rows become. */
function useJumpToLatest(options: HistoryScrollOptions, { sticking, stick }: StickToEnd, toEnd: () => void) {
  const { rows, hasMoreAfter, onJumpToLatest } = options;
  /** The reader asked for the end while it was not loaded. */
  const awaitsLatest = useRef(false);
  const jumpToLatest = useCallback(() => {
    awaitsLatest.current = hasMoreAfter;
    if (hasMoreAfter) return onJumpToLatest();
    stick();
    toEnd();
  }, [hasMoreAfter, onJumpToLatest, stick, toEnd]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: whatever the rows became, the end is where it was promised
  useLayoutEffect(() => {
    if (hasMoreAfter) return;
    if (awaitsLatest.current) stick();
    awaitsLatest.current = false;
    if (sticking.current) toEnd();
  }, [rows, hasMoreAfter, sticking, stick, toEnd]);
  return jumpToLatest;
}

/** Everything about where a history is scrolled to: see the names of what it returns. */
export function useHistoryScroll(options: HistoryScrollOptions) {
  const { rows, scroller, content, hasMoreAfter, targetSeq } = options;
  const { virtualizer, focus } = useHistoryVirtualizer(options);
  const { scrollToEnd, cancelScroll } = virtualizer;
  const toEnd = useCallback(() => scrollToEnd(), [scrollToEnd]);
  const opened = useRef<Opened>("not begun");
  const letGo = useCallback(() => {
    cancelScroll();
    opened.current = { at: targetSeq };
  }, [cancelScroll, targetSeq]);
  const sticker = useStickToEnd({ scroller, content, enabled: !hasMoreAfter, toEnd, letGo });
  const { isSticking, release } = sticker;
  const marked = useHistoryOpening(virtualizer, options, opened, sticker);
  useHistoryPaging(virtualizer, options);
  const jumpToLatest = useJumpToLatest(options, sticker, toEnd);
  useOwnSend(rows, jumpToLatest);
  const jumpToOldest = useCallback(() => {
    release();
    virtualizer.scrollToIndex(0, { align: "start" });
  }, [release, virtualizer]);
  const seen = lastSeen(virtualizer, rows, isSticking);
  return { virtualizer, focus, isAtEnd: isSticking, marked, jumpToLatest, jumpToOldest, seen };
}
