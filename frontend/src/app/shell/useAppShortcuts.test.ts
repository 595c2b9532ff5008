import { expect, it } from "vitest";
import { neighbour } from "./useAppShortcuts";

it.each([
  ["b", 1, "c"],
  ["b", -1, "a"],
  ["c", 1, null],
  ["a", -1, null],
  [null, 1, "a"],
  ["unknown", -1, "a"],
] as const)("from %s, %i leads to %s", (openId, step, expected) => {
  expect(neighbour(["a", "b", "c"], openId, step)).toBe(expected);
});

it("leads nowhere in an empty inbox", () => {
  expect(neighbour([], null, 1)).toBeNull();
});
