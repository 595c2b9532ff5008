import type { HistoryPage } from "../types/generated/contract";
import { type Floors, stateOf } from "./receipts";
import type { ChatMessage } from "./types";

/** Stored messages without a gap, ascending by seq, and whether there are more on either side. */
export interface Stretch {
  readonly messages: readonly ChatMessage[];
  readonly hasMoreBefore: boolean;
  readonly hasMoreAfter: boolean;
}

export const EMPTY: Stretch = { messages: [], hasMoreBefore: false, hasMoreAfter: false };

const seqOf = (message: ChatMessage | undefined): number => message?.seq ?? 0;

/** The seq of the last message; 0 if there is none. */
export const lastSeq = ({ messages }: Stretch): number => seqOf(messages.at(-1));

/** Where a seq stands, or would stand (binary search: a stretch may hold tens of thousands). */
export function indexOf({ messages }: Stretch, seq: number): number {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (seqOf(messages[middle]) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The stored message of a seq, if the stretch holds it. */
export function at(stretch: Stretch, seq: number): ChatMessage | undefined {
  const found = stretch.messages[indexOf(stretch, seq)];
  return found?.seq === seq ? found : undefined;
}

/**
 * The stretch with one more message: appended if it follows, replaced if it is there and was read meanwhile (nothing
 * else of a message changes). null if it lies beyond a gap.
 */
export function withMessage(stretch: Stretch, message: ChatMessage): Stretch | null {
  const seq = seqOf(message);
  const last = lastSeq(stretch);
  if (seq <= last) {
    const held = at(stretch, seq);
    return held !== undefined && message.is_read && !held.is_read ? replace(stretch, held, message) : stretch;
  }
  if (stretch.hasMoreAfter) return stretch;
  return seq === last + 1 ? { ...stretch, messages: [...stretch.messages, message] } : null;
}

function replace(stretch: Stretch, held: ChatMessage, message: ChatMessage): Stretch {
  return { ...stretch, messages: stretch.messages.with(indexOf(stretch, seqOf(held)), message) };
}

/** Joins a page to the stretch; one that does not touch it replaces it. */
export function join(stretch: Stretch, page: Omit<Stretch, "messages"> & Pick<Stretch, "messages">): Stretch {
  const first = seqOf(stretch.messages[0]);
  const last = lastSeq(stretch);
  const pageFirst = seqOf(page.messages[0]);
  const pageLast = lastSeq(page);
  const touches = pageFirst <= last + 1 && pageLast >= first - 1;
  if (stretch.messages.length === 0 || !touches) return page;
  const before = page.messages.slice(0, indexOf(page, first));
  const after = page.messages.slice(indexOf(page, last + 1));
  return {
    messages: before.length + after.length === 0 ? stretch.messages : [...before, ...stretch.messages, ...after],
    hasMoreBefore: pageFirst <= first ? page.hasMoreBefore : stretch.hasMoreBefore,
    hasMoreAfter: pageLast >= last ? page.hasMoreAfter : stretch.hasMoreAfter,
  };
}

/** An empty page says only that there is nothing on its side. */
export function joinEmpty(stretch: Stretch, page: HistoryPage, side: "before" | "after" | "whole"): Stretch {
  if (side === "before") return { ...stretch, hasMoreBefore: page.has_more_before };
  if (side === "after") return { ...stretch, hasMoreAfter: page.has_more_after };
  return EMPTY;
}

/** The stretch with the ticks of one's own messages moved from one floor to another; the same if none changes. */
export function withFloors(stretch: Stretch, from: Floors, to: Floors): Stretch {
  const begin = indexOf(stretch, Math.min(from.read, from.delivered) + 1);
  const end = indexOf(stretch, Math.max(to.read, to.delivered) + 1);
  let messages: ChatMessage[] | null = null;
  for (let index = begin; index < end; index += 1) {
    const message = stretch.messages[index];
    if (message === undefined || !message.mine) continue;
    const state = stateOf(seqOf(message), message.is_read, to);
    if (state === message.state) continue;
    messages ??= [...stretch.messages];
    messages[index] = { ...message, state, is_read: state === "read" };
  }
  return messages === null ? stretch : { ...stretch, messages };
}
