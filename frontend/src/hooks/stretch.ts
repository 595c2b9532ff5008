import type { InfiniteData } from "@tanstack/react-query";
import type { HistoryCursor, HistoryState } from "../services/types";

/** Messages in a page, unless asked otherwise: the server's default. */
export const PAGE_SIZE = 50;

function storedSeqs(state: HistoryState): number[] {
  return state.messages.map((message) => message.seq).filter((seq) => seq !== null);
}

/** The cursor of the page before a stretch, if there is one. */
export function before(state: HistoryState): HistoryCursor | undefined {
  const first = storedSeqs(state)[0];
  return state.hasMoreBefore && first !== undefined ? { before_seq: first } : undefined;
}

/** The cursor of the page after a stretch, if there is one. */
export function after(state: HistoryState): HistoryCursor | undefined {
  const last = storedSeqs(state).at(-1);
  return state.hasMoreAfter && last !== undefined ? { after_seq: last } : undefined;
}

/** The cursor that loads a stretch's end anew. */
export function here(state: HistoryState): HistoryCursor {
  const last = storedSeqs(state).at(-1);
  return state.hasMoreAfter && last !== undefined ? { around_seq: last } : {};
}

/** Whether a stretch already shows what the cursor asks for. */
export function covers(state: HistoryState, cursor: HistoryCursor): boolean {
  if (!("around_seq" in cursor)) return !state.hasMoreAfter;
  const seqs = storedSeqs(state);
  const notBefore = !state.hasMoreBefore || (seqs[0] ?? Number.POSITIVE_INFINITY) <= cursor.around_seq;
  const notAfter = !state.hasMoreAfter || (seqs.at(-1) ?? 0) >= cursor.around_seq;
  return notBefore && notAfter;
}

/** A stretch as Query's cache has it: always one page, as the store joins pages itself. */
export type StretchData = InfiniteData<HistoryState, HistoryCursor>;

/** Wraps a stretch for the cache. A refetch loads from the `cursor`. */
export function stretchData(state: HistoryState, cursor: HistoryCursor = here(state)): StretchData {
  return { pages: [state], pageParams: [cursor] };
}
