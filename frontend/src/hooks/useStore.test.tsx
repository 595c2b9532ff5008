import { act, renderHook } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { createStore } from "../services/store";
import { sameEntries, sameItems, useSelection, useStore } from "./useStore";

const atOnce = <Value,>(initial: Value) => createStore(initial, (tell) => tell());

it("follows a store", () => {
  const store = atOnce(1);
  const { result } = renderHook(() => useStore(store));
  act(() => store.set(2));
  expect(result.current).toBe(2);
});

it("renders only when the selected part changes", () => {
  const store = atOnce({ names: ["Ana"], other: 0 });
  const rendered = vi.fn();
  const select = (state: { names: string[] }) => state.names.filter((name) => name !== "");
  const { result } = renderHook(() => {
    rendered();
    return useSelection(store, select, sameItems);
  });
  const before = result.current;
  act(() => store.set({ names: ["Ana", ""], other: 1 }));
  expect(rendered).toHaveBeenCalledTimes(1);
  expect(result.current).toBe(before);
  act(() => store.set({ names: ["Ana", "Luis"], other: 1 }));
  expect(result.current).toEqual(["Ana", "Luis"]);
});

it("follows another selection at once", () => {
  const store = atOnce({ a: 1, b: 2 });
  const selections = { a: (state: { a: number }) => state.a, b: (state: { b: number }) => state.b };
  const { result, rerender } = renderHook(({ key }: { key: "a" | "b" }) => useSelection(store, selections[key]), {
    initialProps: { key: "a" },
  });
  rerender({ key: "b" });
  expect(result.current).toBe(2);
});

it("compares lists and maps by their items", () => {
  expect(sameItems([1, 2], [1, 2])).toBe(true);
  expect(sameItems([1, 2], [1])).toBe(false);
  expect(sameItems([1, 2], [2, 1])).toBe(false);
  expect(sameEntries(new Map([["a", 1]]), new Map([["a", 1]]))).toBe(true);
  expect(sameEntries(new Map([["a", 1]]), new Map([["a", 2]]))).toBe(false);
  expect(sameEntries(new Map([["a", undefined]]), new Map([["b", undefined]]))).toBe(false);
});
