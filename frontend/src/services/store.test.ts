// @vitest-environment node
import { expect, it, vi } from "vitest";
import { createStore, patch } from "./store";

it("shows a change at once and tells of all changes of a tick together", async () => {
  const store = createStore(0);
  const listener = vi.fn();
  store.subscribe(listener);

  store.set(1);
  store.set(2);
  expect(store.getSnapshot()).toBe(2);
  expect(listener).not.toHaveBeenCalled();

  await Promise.resolve();
  expect(listener).toHaveBeenCalledOnce();
});

it("tells nobody of a snapshot that is the same, and nobody who left", async () => {
  const store = createStore({ count: 0 });
  const stays = vi.fn();
  const leaves = vi.fn();
  store.subscribe(stays);
  const leave = store.subscribe(leaves);
  const before = store.getSnapshot();

  patch(store, { count: 0 });
  await Promise.resolve();
  expect(store.getSnapshot()).toBe(before);
  expect(stays).not.toHaveBeenCalled();

  patch(store, { count: 1 });
  leave();
  await Promise.resolve();
  expect(stays).toHaveBeenCalledOnce();
  expect(leaves).not.toHaveBeenCalled();
});
