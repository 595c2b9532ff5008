import { expect, it } from "vitest";
import type { HistoryState } from "../services/types";
import { aChatMessage } from "../testing/factories";
import { after, before, covers, here, stretchData } from "./stretch";

function stretch(seqs: readonly number[], changes: Partial<HistoryState> = {}): HistoryState {
  const messages = seqs.map((seq) => aChatMessage({ seq }));
  return { messages, loaded: true, hasMoreBefore: false, hasMoreAfter: false, ...changes };
}

it("names the pages beside a stretch, if there are any", () => {
  expect(before(stretch([5, 6]))).toBeUndefined();
  expect(before(stretch([5, 6], { hasMoreBefore: true }))).toEqual({ before_seq: 5 });
  expect(after(stretch([5, 6]))).toBeUndefined();
  expect(after(stretch([5, 6], { hasMoreAfter: true }))).toEqual({ after_seq: 6 });
  expect(before(stretch([], { hasMoreBefore: true }))).toBeUndefined();
});

it("does not count messages on their way", () => {
  const state = stretch([5], { hasMoreAfter: true });
  const sending = aChatMessage({ seq: null, key: "k", state: "sending" });
  expect(after({ ...state, messages: [...state.messages, sending] })).toEqual({ after_seq: 5 });
});

it("reloads where the stretch ends", () => {
  expect(here(stretch([5, 6]))).toEqual({});
  expect(here(stretch([5, 6], { hasMoreAfter: true }))).toEqual({ around_seq: 6 });
  expect(stretchData(stretch([5])).pageParams).toEqual([{}]);
});

it.each([
  ["the latest, there", stretch([8, 9]), {}, true],
  ["the latest, not there", stretch([8, 9], { hasMoreAfter: true }), {}, false],
  ["a message within", stretch([3, 4, 5], { hasMoreBefore: true, hasMoreAfter: true }), { around_seq: 4 }, true],
  ["a message before", stretch([3, 4, 5], { hasMoreBefore: true }), { around_seq: 2 }, false],
  ["a message after", stretch([3, 4, 5], { hasMoreAfter: true }), { around_seq: 6 }, false],
  ["one that there is not", stretch([1, 2]), { around_seq: 99 }, true],
])("knows whether it covers %s", (_, state, cursor, expected) => {
  expect(covers(state, cursor)).toBe(expected);
});
