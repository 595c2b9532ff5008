import { act, renderHook, waitFor } from "@testing-library/react";
import { createElement, type ReactNode } from "react";
import { beforeEach, expect, it, vi } from "vitest";
import { Failure } from "../services/failure";
import type { Push, PushState } from "../services/push";
import { createStore } from "../services/store";
import { aNotification } from "../testing/factories";
import { createFakeClient } from "../testing/fakeClient";
import { RealtimeProvider } from "./RealtimeProvider";
import { renderWith } from "./testHarness";
import { useRealTimeNotifications } from "./useRealTimeNotifications";

const { createPush } = vi.hoisted(() => ({ createPush: vi.fn() }));
vi.mock("../services/push", () => ({ createPush }));

/** A push switch without a browser; `running` counts its starts that have not ended. */
function fakePush() {
  const store = createStore<PushState>("off", (tell) => tell());
  const set = (state: PushState) => async () => {
    store.set(state);
    return state;
  };
  const push = {
    ...store,
    running: 0,
    enable: vi.fn(set("on")),
    disable: vi.fn(set("off")),
    start: vi.fn(() => {
      push.running += 1;
      return () => {
        push.running -= 1;
      };
    }),
  } satisfies Push & { running: number };
  return push;
}

let push: ReturnType<typeof fakePush>;
beforeEach(() => {
  push = fakePush();
  createPush.mockReset().mockReturnValue(push);
});

it("gives the notifications, live", () => {
  const client = createFakeClient({ notifications: { status: "loading" } });
  const { result } = renderWith(client, useRealTimeNotifications);
  expect(result.current).toMatchObject({ status: "loading", notifications: [], unreadCount: 0, hasMore: false });
  const notifications = [aNotification()];
  act(() => client.notifications.set({ notifications, status: "ready", error: null, hasMore: true, unreadCount: 1 }));
  expect(result.current).toMatchObject({ status: "ready", notifications, unreadCount: 1, hasMore: true });
});

it("loads more and tells what failed, without losing what is there", async () => {
  const client = createFakeClient({ notifications: { notifications: [aNotification()], hasMore: true } });
  client.notifications.loadMore.mockRejectedValueOnce(new Failure("internal", "No.", false));
  const { result } = renderWith(client, useRealTimeNotifications);
  act(() => result.current.loadMore());
  await waitFor(() => expect(result.current.error?.code).toBe("internal"));
  expect(result.current.notifications).toHaveLength(1);
});

it("reads and clears, and hands a refusal to whoever asked", async () => {
  const client = createFakeClient();
  const { result } = renderWith(client, useRealTimeNotifications);
  await result.current.markAsRead("n1");
  await result.current.markAllAsRead();
  await result.current.clearNotification("n2");
  expect(client.notifications.markRead).toHaveBeenCalledWith("n1");
  expect(client.notifications.markAllRead).toHaveBeenCalledOnce();
  expect(client.notifications.clear).toHaveBeenCalledWith("n2");
  client.notifications.clear.mockRejectedValueOnce(new Failure("not_found", "No.", false));
  await expect(result.current.clearNotification("n2")).rejects.toMatchObject({ code: "not_found" });
});

it("switches the pushes of this device", async () => {
  const { result } = renderWith(createFakeClient(), useRealTimeNotifications);
  expect(result.current.pushState).toBe("off");
  await act(async () => result.current.enablePushNotifications());
  expect(result.current.pushState).toBe("on");
  await act(async () => result.current.disablePushNotifications());
  expect(result.current.pushState).toBe("off");
  push.enable.mockRejectedValueOnce(new Failure("offline", "No.", true));
  await expect(result.current.enablePushNotifications()).rejects.toMatchObject({ code: "offline" });
});

it("has one push switch for all who look, which runs while anyone does", () => {
  const client = createFakeClient();
  const one = renderWith(client, useRealTimeNotifications);
  const two = renderWith(client, useRealTimeNotifications);
  expect(createPush).toHaveBeenCalledTimes(1);
  expect(push.running).toBe(1);
  one.unmount();
  expect(push.running).toBe(1);
  two.unmount();
  expect(push.running).toBe(0);
});

it("says which device it is, and where the page's service worker is", () => {
  const client = createFakeClient();
  const wrapper = ({ children }: { children: ReactNode }) =>
    createElement(RealtimeProvider, { client, serviceWorkerUrl: "/worker.js", children });
  vi.spyOn(navigator, "userAgent", "get").mockReturnValue("X11; Linux x86_64 Firefox/133.0");
  renderHook(useRealTimeNotifications, { wrapper });
  const options = { serviceWorkerUrl: "/worker.js", deviceName: "Firefox, Linux" };
  expect(createPush.mock.calls).toEqual([[client, options]]);
});

it("gives the same functions always", () => {
  const client = createFakeClient();
  const { result, rerender } = renderWith(client, useRealTimeNotifications);
  const before = Object.entries(result.current).filter(([, value]) => typeof value === "function");
  rerender(undefined);
  act(() => client.notifications.set({ ...client.notifications.getSnapshot(), unreadCount: 9 }));
  const now = new Map(Object.entries(result.current));
  expect(before).toHaveLength(7);
  for (const [name, value] of before) expect(now.get(name), name).toBe(value);
});
