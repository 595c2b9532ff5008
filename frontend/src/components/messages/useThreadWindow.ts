import { defaultRangeExtractor, type Range, useVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useCallback } from "react";

/** Fewer than this are all rendered. */
const VIRTUAL_FROM = 100;
const ROW_PX = 78;

/** The rows to render, and where. */
export interface ThreadWindow {
  readonly isVirtual: boolean;
  /** `start`: px from the top; 0 for all where they follow each other by themselves. */
  readonly rows: readonly { readonly index: number; readonly start: number }[];
  /** Of all rows, in px; null where they take their own room. */
  readonly totalSize: number | null;
  readonly measure: (element: HTMLElement | null) => void;
  readonly reveal: (index: number) => void;
}

/** Renders a long inbox in part. The row `kept`, which has or gets the focus, is always among what is rendered. */
export function useThreadWindow(
  count: number,
  keyOf: (index: number) => string,
  kept: number,
  scroller: RefObject<HTMLElement | null>,
): ThreadWindow {
  const isVirtual = count > VIRTUAL_FROM;
  const rangeExtractor = useCallback(
    (range: Range) => {
      const indexes = defaultRangeExtractor(range);
      if (kept < 0 || kept >= range.count || indexes.includes(kept)) return indexes;
      return [...indexes, kept].sort((one, other) => one - other);
    },
    [kept],
  );
  const virtualizer = useVirtualizer<HTMLElement, HTMLElement>({
    count,
    enabled: isVirtual,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: keyOf,
    rangeExtractor,
    overscan: 8,
    initialRect: { width: 0, height: 800 },
  });
  const reveal = useCallback((index: number) => virtualizer.scrollToIndex(index), [virtualizer]);
  if (isVirtual) {
    const { measureElement: measure } = virtualizer;
    return { isVirtual, rows: virtualizer.getVirtualItems(), totalSize: virtualizer.getTotalSize(), measure, reveal };
  }
  const rows = Array.from({ length: count }, (_, index) => ({ index, start: 0 }));
  return { isVirtual, rows, totalSize: null, measure: nothing, reveal: nothing };
}

function nothing() {}
