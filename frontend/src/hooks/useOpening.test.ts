import { expect, it } from "vitest";
import type { ChatMessage, HistoryState } from "../services/types";
import { aChatMessage, aParticipant, aThread, ME } from "../testing/factories";
import { createFakeClient } from "../testing/fakeClient";
import type { Thread } from "../types/generated/contract";
import { renderWith } from "./testHarness";
import { useFirstUnreadSeq, useOpening } from "./useOpening";

/** A thread of which we have read up to `readSeq`. */
function readUpTo(readSeq: number, changes: Partial<Thread> = {}): Thread {
  return aThread({ participants: [aParticipant({ user_id: ME, read_seq: readSeq }), aParticipant()], ...changes });
}

interface Props {
  threadId?: string;
  thread?: Thread | undefined;
  aroundSeq?: number | undefined;
}

const openingOf = (props: Props, client = createFakeClient()) =>
  renderWith(client, ({ threadId = "t1", thread, aroundSeq }: Props) => useOpening(threadId, thread, aroundSeq), {
    initialProps: props,
  });

it("waits until the thread and we are known", () => {
  expect(openingOf({ thread: undefined }).result.current).toBeNull();
  expect(openingOf({ thread: aThread() }, createFakeClient({ me: null })).result.current).toBeNull();
});

it("opens at the latest messages", () => {
  const { result } = openingOf({ thread: readUpTo(9, { last_seq: 9 }) });
  expect(result.current).toEqual({ threadId: "t1", cursor: {}, readSeq: null });
});

it("opens there, too, with up to a page unread", () => {
  const { result } = openingOf({ thread: readUpTo(9, { last_seq: 59, unread_count: 50 }) });
  expect(result.current).toEqual({ threadId: "t1", cursor: {}, readSeq: 9 });
});

it("opens at the first unread one with more", () => {
  const { result } = openingOf({ thread: readUpTo(9, { last_seq: 60, unread_count: 51 }) });
  expect(result.current).toEqual({ threadId: "t1", cursor: { around_seq: 10 }, readSeq: 9 });
});

it("opens where it is told to", () => {
  const { result } = openingOf({ thread: readUpTo(9, { last_seq: 99, unread_count: 90 }), aroundSeq: 3 });
  expect(result.current).toEqual({ threadId: "t1", cursor: { around_seq: 3 }, readSeq: 9 });
});

it("takes an id that is text for the same as a number", () => {
  const participants = [aParticipant({ user_id: String(ME), read_seq: 4 }), aParticipant({ read_seq: 1 })];
  const { result } = openingOf({ thread: aThread({ participants, last_seq: 6, unread_count: 1 }) });
  expect(result.current?.readSeq).toBe(4);
});

it("does with the counts where we are not among the listed participants", () => {
  const { result } = openingOf({ thread: aThread({ participants: [aParticipant()], last_seq: 20, unread_count: 3 }) });
  expect(result.current?.readSeq).toBe(17);
});

it("stays the same while the thread is read, and begins anew with another", () => {
  const { result, rerender } = openingOf({ thread: readUpTo(9, { last_seq: 12, unread_count: 3 }) });
  const opened = result.current;
  rerender({ thread: readUpTo(12, { last_seq: 12 }) });
  expect(result.current).toBe(opened);
  rerender({ threadId: "t2", thread: readUpTo(12, { last_seq: 12 }) });
  expect(result.current).toBeNull();
  rerender({ threadId: "t2", thread: readUpTo(3, { id: "t2", last_seq: 4, unread_count: 1 }) });
  expect(result.current).toEqual({ threadId: "t2", cursor: {}, readSeq: 3 });
  rerender({ thread: readUpTo(12, { last_seq: 12 }) });
  expect(result.current?.readSeq).toBeNull();
});

it("goes along with another place to go to, and stays there when it is no longer named", () => {
  const thread = readUpTo(9, { last_seq: 12, unread_count: 3 });
  const { result, rerender } = openingOf({ thread });
  rerender({ thread, aroundSeq: 2 });
  const there = result.current;
  expect(there).toEqual({ threadId: "t1", cursor: { around_seq: 2 }, readSeq: 9 });
  rerender({ thread });
  expect(result.current?.cursor).toBe(there?.cursor);
  rerender({ thread, aroundSeq: 2 });
  expect(result.current?.cursor).toEqual({ around_seq: 2 });
});

const theirs = (seq: number) => aChatMessage({ seq });
const mine = (seq: number) => aChatMessage({ seq, mine: true, sender_id: ME });

function firstUnread(readSeq: number | null, messages: readonly ChatMessage[], changes: Partial<HistoryState> = {}) {
  const state = { messages, loaded: true, hasMoreBefore: false, hasMoreAfter: false, ...changes };
  const opening = { threadId: "t1", cursor: {}, readSeq };
  return renderWith(createFakeClient(), () => useFirstUnreadSeq(opening, state)).result.current;
}

it.each([
  ["there is none if everything was read", null, [theirs(1), theirs(2)], {}, null],
  ["the first after what was read", 1, [theirs(1), theirs(2), theirs(3)], {}, 2],
  ["not one's own", 1, [theirs(1), mine(2), theirs(3)], {}, 3],
  ["none if all are one's own", 1, [theirs(1), mine(2)], {}, null],
  ["as counted, until it is loaded", 4, [], {}, 5],
  ["as counted, while the stretch begins later", 4, [theirs(8)], { hasMoreBefore: true }, 5],
  ["as counted, while the stretch ends before", 9, [theirs(3)], { hasMoreAfter: true }, 10],
] as const)("first unread: %s", (_, readSeq, messages, changes, expected) => {
  expect(firstUnread(readSeq, messages, changes)).toBe(expected);
});
