import { defaultRangeExtractor, type Range, useVirtualizer } from "@tanstack/react-virtual";
import { type FocusEvent, type RefObject, useCallback, useState } from "react";
import { estimateRow, type HistoryRow, openingIndex } from "./rows";

const PADDING_PX = 12;
const CONTEXT_PX = 56;

export interface HistoryVirtualizerOptions {
  readonly rows: readonly HistoryRow[];
  readonly scroller: RefObject<HTMLDivElement | null>;
  /** The message to open at; without it the unread separator, else the end. */
  readonly targetSeq: number | null;
}

function offsetOf(rows: readonly HistoryRow[], index: number, width: number): number {
  let offset = PADDING_PX;
  for (let at = 0; at < (index < 0 ? rows.length : index); at++) offset += estimateRow(rows[at], width);
  return offset;
}

/** Keeps the row that has the focus rendered when it is scrolled out of sight, so that the focus is not lost. */
function useFocusedRow(rows: readonly HistoryRow[]) {
  const [focusedKey, setFocusedKey] = useState<string | null>(null);
  const rangeExtractor = useCallback(
    (range: Range) => {
      const indexes = defaultRangeExtractor(range);
      const focused = focusedKey === null ? -1 : rows.findIndex((row) => row.key === focusedKey);
      if (focused < 0 || indexes.includes(focused)) return indexes;
      return [...indexes, focused].sort((one, other) => one - other);
    },
    [rows, focusedKey],
  );
  const onFocus = (event: FocusEvent) => {
    const slot = event.target.closest("[data-index]");
    const index = slot ? Number(slot.getAttribute("data-index")) : -1;
    setFocusedKey(rows[index]?.key ?? null);
  };
  return { rangeExtractor, onFocus, onBlur: () => setFocusedKey(null) };
}

/** Renders what is in sight of a history, opened where it is to be opened. */
export function useHistoryVirtualizer({ rows, scroller, targetSeq }: HistoryVirtualizerOptions) {
  const { rangeExtractor, ...focus } = useFocusedRow(rows);
  const width = () => scroller.current?.clientWidth ?? Math.min(window.innerWidth, 900);
  const virtualizer = useVirtualizer<HTMLDivElement, HTMLDivElement>({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => estimateRow(rows[index], width()),
    getItemKey: useCallback((index: number) => rows[index]?.key ?? index, [rows]),
    rangeExtractor,
    overscan: 8,
    paddingStart: PADDING_PX,
    paddingEnd: PADDING_PX,
    // Some of what was read stays in sight over what was not.
    scrollPaddingStart: targetSeq === null ? CONTEXT_PX : 0,
    // A page put before what is shown leaves what is shown where it is.
    anchorTo: "end",
    initialRect: { width: 0, height: window.innerHeight },
    initialOffset: () => offsetOf(rows, openingIndex(rows, targetSeq), width()),
  });
  return { virtualizer, focus };
}

/** What the hook gives to those that scroll. */
export type HistoryVirtualizer = ReturnType<typeof useHistoryVirtualizer>["virtualizer"];
