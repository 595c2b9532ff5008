import { act } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createFakeClient } from "../testing/fakeClient";
import { renderWith } from "./testHarness";
import { useConnection } from "./useConnection";
import { useIsOnline } from "./useIsOnline";
import { useMe } from "./useMe";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const waiting = (retryAt: number) =>
  ({ status: "waiting", attempt: 2, retryAt, error: null, wasOnline: true, degraded: null }) as const;

it("tells the connection's state", () => {
  const client = createFakeClient();
  const { result } = renderWith(client, useConnection);
  expect(result.current).toMatchObject({ status: "online", isOnline: true, retryInS: null });
  act(() => client.connection.set({ ...waiting(0), status: "connecting", retryAt: null }));
  expect(result.current).toMatchObject({ status: "connecting", isOnline: false, retryInS: null, attempt: 2 });
});

it("counts down to the next attempt, and not below zero", () => {
  const client = createFakeClient();
  const { result } = renderWith(client, useConnection);
  act(() => client.connection.set(waiting(Date.now() + 2500)));
  expect(result.current.retryInS).toBe(3);
  act(() => void vi.advanceTimersByTime(1000));
  expect(result.current.retryInS).toBe(2);
  act(() => void vi.advanceTimersByTime(5000));
  expect(result.current.retryInS).toBe(0);
});

it("leaves no timer behind", () => {
  const client = createFakeClient({ connection: waiting(Date.now() + 9000) });
  const { unmount } = renderWith(client, useConnection);
  const running = vi.getTimerCount();
  act(() => client.connection.set({ ...waiting(0), status: "online", retryAt: null }));
  expect(vi.getTimerCount()).toBeLessThan(running);
  unmount();
});

it("retries now, by the same function always", () => {
  const client = createFakeClient();
  const { result, rerender } = renderWith(client, useConnection);
  const { retryNow } = result.current;
  rerender(undefined);
  expect(result.current.retryNow).toBe(retryNow);
  retryNow();
  expect(client.retryNow).toHaveBeenCalledOnce();
});

it("renders useIsOnline only when that changes", () => {
  const client = createFakeClient();
  const rendered = vi.fn();
  const { result } = renderWith(client, () => {
    rendered();
    return useIsOnline();
  });
  rendered.mockClear();
  act(() => client.connection.set({ ...client.connection.getSnapshot(), attempt: 7 }));
  expect(rendered).not.toHaveBeenCalled();
  act(() => client.connection.set(waiting(0)));
  expect(result.current).toBe(false);
});

it("tells who we are", () => {
  const client = createFakeClient({ me: null });
  const { result } = renderWith(client, useMe);
  expect(result.current).toBeNull();
  act(() => client.me.set(7));
  expect(result.current).toBe(7);
});
