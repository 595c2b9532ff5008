import { type RefObject, useEffect, useLayoutEffect, useState } from "react";
import { type HistoryRow, messageOf, openingIndex } from "./rows";
import type { HistoryVirtualizer } from "./useHistoryVirtualizer";
import type { StickToEnd } from "./useStickToEnd";

/** How long a message that was jumped to is marked. */
const MARK_MS = 2500;

export interface HistoryOpeningOptions {
  readonly rows: readonly HistoryRow[];
  readonly targetSeq: number | null;
  readonly firstUnreadSeq: number | null;
  readonly hasMoreAfter: boolean;
}

function isAtEndOf(element: HTMLElement | null): boolean {
  return element !== null && element.scrollHeight - element.clientHeight - element.scrollTop < 2;
}

/** Where a history stands as to its opening: not yet there, or done for this target (`null`: for none). */
export type Opened = { readonly at: number | null } | "waiting" | "not begun";

/**
 * Goes to the message asked for, or to what is unread, as soon as it is there, unless the reader went elsewhere before
 * (`opened` is then set); and to each other message that is asked for later. Returns the one to mark.
 */
export function useHistoryOpening(
  virtualizer: HistoryVirtualizer,
  options: HistoryOpeningOptions,
  opened: RefObject<Opened>,
  { stick, release }: Pick<StickToEnd, "stick" | "release">,
): number | null {
  const { rows, targetSeq, firstUnreadSeq, hasMoreAfter } = options;
  const [marked, setMarked] = useState<number | null>(null);

  useLayoutEffect(() => {
    const { current } = opened;
    if (rows.length === 0 || (typeof current === "object" && current.at === targetSeq)) return;
    const index = typeof current === "object" && targetSeq === null ? -1 : openingIndex(rows, targetSeq);
    const isTarget = targetSeq !== null && messageOf(rows[index])?.seq === targetSeq;
    const isThere = isTarget || (targetSeq === null && (index >= 0 || firstUnreadSeq === null));
    if (isThere && index >= 0) {
      release();
      virtualizer.scrollToIndex(index, { align: isTarget ? "center" : "start" });
      // All that is unread is in sight.
      if (!hasMoreAfter && !isTarget && isAtEndOf(virtualizer.scrollElement)) stick();
    } else if (current === "not begun" && !hasMoreAfter) {
      stick();
      virtualizer.scrollToEnd();
    }
    if (isTarget) setMarked(targetSeq);
    if (isThere) opened.current = { at: targetSeq };
    else if (current === "not begun") opened.current = "waiting";
  }, [rows, targetSeq, firstUnreadSeq, hasMoreAfter, virtualizer, opened, stick, release]);

  useEffect(() => {
    if (marked === null) return;
    const timer = setTimeout(() => setMarked(null), MARK_MS);
    return () => clearTimeout(timer);
  }, [marked]);
  return marked;
}
