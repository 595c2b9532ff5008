import { useEffect } from "react";
import type { HistoryRow } from "./rows";
import type { HistoryVirtualizer } from "./useHistoryVirtualizer";

/** Older and newer pages are asked for this many rows before the reader gets there. */
const AHEAD_ROWS = 15;

export interface HistoryPagingOptions {
  readonly rows: readonly HistoryRow[];
  readonly hasMoreBefore: boolean;
  readonly hasMoreAfter: boolean;
  readonly isLoadingBefore: boolean;
  readonly isLoadingAfter: boolean;
  readonly onLoadBefore: () => void;
  readonly onLoadAfter: () => void;
}

/** Asks for the next page in time, once for each end that was reached. */
export function useHistoryPaging(virtualizer: HistoryVirtualizer, options: HistoryPagingOptions): void {
  const { rows, hasMoreBefore, hasMoreAfter, isLoadingBefore, isLoadingAfter, onLoadBefore, onLoadAfter } = options;
  const start = virtualizer.range?.startIndex ?? null;
  const end = virtualizer.range?.endIndex ?? null;
  const firstKey = rows[0]?.key;
  const lastKey = rows.at(-1)?.key;
  // The keys and positions are what a failed load waits for: it is tried again when the reader moves.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `isLoading…` must not trigger, or a failure is retried for ever
  useEffect(() => {
    if (start !== null && start < AHEAD_ROWS && hasMoreBefore && !isLoadingBefore) onLoadBefore();
  }, [start, firstKey, hasMoreBefore, onLoadBefore]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above
  useEffect(() => {
    if (end !== null && end >= rows.length - AHEAD_ROWS && hasMoreAfter && !isLoadingAfter) onLoadAfter();
  }, [end, lastKey, hasMoreAfter, onLoadAfter]);
}
