import { act, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeWebSocket } from "./fakeWebSocket";
import { socketAddress } from "./reconnectingSocket";
import "./testHarness";
import { useWebSocket, type WebSocketOptions } from "./useWebSocket";

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(1);
  FakeWebSocket.install();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function render(options: Partial<WebSocketOptions> = {}) {
  return renderHook((changes: Partial<WebSocketOptions>) => useWebSocket({ url: "/ws/x/", ...options, ...changes }), {
    reactStrictMode: true,
    initialProps: {},
  });
}

describe("addresses", () => {
  it.each([
    ["/ws/x/", "http://app.test/t/1", "ws://app.test/ws/x/"],
    ["/ws/x/?a=1", "https://app.test:8443/", "wss://app.test:8443/ws/x/?a=1"],
    ["wss://other.test/ws", "https://app.test/", "wss://other.test/ws"],
    ["https://other.test/ws", "http://app.test/", "wss://other.test/ws"],
  ])("%s of %s", (url, base, expected) => {
    expect(socketAddress(url, base)).toBe(expected);
  });
});

describe("connecting", () => {
  it("opens one connection, also in StrictMode", async () => {
    const onOpen = vi.fn();
    const { result } = render({ onOpen });
    const socket = await FakeWebSocket.only();
    expect(result.current).toMatchObject({ isConnected: false, socket: null });
    act(() => socket.open());
    expect(result.current.isConnected).toBe(true);
    expect(result.current.socket).toBe(socket);
    expect(onOpen).toHaveBeenCalledOnce();
  });

  it("sends the token as subprotocols", async () => {
    render({ token: "abc" });
    expect((await FakeWebSocket.only()).protocols).toEqual(["bearer", "abc"]);
  });

  it("asks for the newest token on each attempt", async () => {
    const token = vi.fn(async () => `token-${token.mock.calls.length}`);
    render({ token });
    const first = await FakeWebSocket.only();
    const asked = token.mock.calls.length;
    expect(first.protocols).toEqual(["bearer", `token-${asked}`]);
    act(() => first.drop(1006));
    act(() => void vi.advanceTimersByTime(1000));
    expect((await FakeWebSocket.nth(2)).protocols).toEqual(["bearer", `token-${asked + 1}`]);
  });

  it("tries again when there is no token now", async () => {
    let signedIn = false;
    render({ token: () => (signedIn ? "abc" : Promise.reject(new Error("not now"))) });
    await act(async () => {});
    expect(FakeWebSocket.made).toEqual([]);
    signedIn = true;
    act(() => void vi.advanceTimersByTime(1000));
    expect((await FakeWebSocket.only()).protocols).toEqual(["bearer", "abc"]);
  });

  it("connects anew to another url or with another token text, not for other functions", async () => {
    const { rerender } = render({ token: "abc" });
    const first = await FakeWebSocket.only();
    rerender({ onMessage: () => {}, onOpen: () => {}, onClose: () => {} });
    await act(async () => {});
    expect(FakeWebSocket.made).toHaveLength(1);
    rerender({ token: "def" });
    await FakeWebSocket.nth(2);
    expect(first.closedWith).toEqual([1000]);
    rerender({ token: "def", url: "/ws/y/" });
    expect((await FakeWebSocket.nth(3)).url).toContain("/ws/y/");
  });

  it("closes when unmounted, and tells nothing any more", async () => {
    const onClose = vi.fn();
    const { unmount } = render({ onClose });
    const socket = await FakeWebSocket.only();
    act(() => socket.open());
    unmount();
    expect(socket.closedWith).toEqual([1000]);
    socket.drop(1000);
    vi.advanceTimersByTime(60_000);
    expect(onClose).not.toHaveBeenCalled();
    expect(FakeWebSocket.made).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("messages", () => {
  it("reads JSON and hands other text and binary frames through, to the newest function", async () => {
    const [old, onMessage] = [vi.fn(), vi.fn()];
    const { rerender } = render({ onMessage: old });
    const socket = await FakeWebSocket.only();
    act(() => socket.open());
    rerender({ onMessage });
    const binary = new ArrayBuffer(1);
    for (const data of ['{"a":1}', "plain", binary]) act(() => socket.receive(data));
    expect(onMessage.mock.calls).toEqual([[{ a: 1 }], ["plain"], [binary]]);
    expect(old).not.toHaveBeenCalled();
  });

  it("sends objects as JSON and text as it is, if there is a connection", async () => {
    const { result } = render();
    const socket = await FakeWebSocket.only();
    const { sendMessage } = result.current;
    expect(sendMessage({ a: 1 })).toBe(false);
    act(() => socket.open());
    expect(result.current.sendMessage).toBe(sendMessage);
    expect(sendMessage({ a: 1 })).toBe(true);
    expect(sendMessage("text")).toBe(true);
    expect(socket.sent).toEqual(['{"a":1}', "text"]);
    act(() => socket.drop(1006));
    expect(sendMessage("late")).toBe(false);
  });

  it("sends a heartbeat while connected", async () => {
    render({ heartbeatInterval: 10_000 });
    const socket = await FakeWebSocket.only();
    act(() => void vi.advanceTimersByTime(10_000));
    expect(socket.sent).toEqual([]);
    act(() => socket.open());
    act(() => void vi.advanceTimersByTime(20_000));
    expect(socket.sent).toHaveLength(2);
    expect(JSON.parse(String(socket.sent[0]))).toEqual({ type: "ping", timestamp: expect.any(Number) });
    act(() => socket.drop(1006));
    act(() => void vi.advanceTimersByTime(20_000));
    expect(socket.sent).toHaveLength(2);
  });

  it("sends none if told so", async () => {
    render({ heartbeatInterval: 0 });
    const socket = await FakeWebSocket.only();
    act(() => socket.open());
    act(() => void vi.advanceTimersByTime(120_000));
    expect(socket.sent).toEqual([]);
  });
});

describe("coming back", () => {
  async function dropAndWait(count: number, ms: number) {
    const socket = await FakeWebSocket.nth(count);
    act(() => socket.drop(1006));
    act(() => void vi.advanceTimersByTime(ms - 1));
    await act(async () => {});
    expect(FakeWebSocket.made).toHaveLength(count);
    act(() => void vi.advanceTimersByTime(1));
    return FakeWebSocket.nth(count + 1);
  }

  it("waits twice as long each time, and gives up", async () => {
    const onClose = vi.fn();
    render({ reconnectAttempts: 3, onClose });
    await dropAndWait(1, 1000);
    await dropAndWait(2, 2000);
    const last = await dropAndWait(3, 4000);
    act(() => last.drop(1006));
    act(() => void vi.advanceTimersByTime(600_000));
    await act(async () => {});
    expect(FakeWebSocket.made).toHaveLength(4);
    expect(onClose).toHaveBeenCalledTimes(4);
  });

  it("begins to count again after a connection that was up", async () => {
    render({ reconnectAttempts: 1 });
    const second = await dropAndWait(1, 1000);
    act(() => second.open());
    await dropAndWait(2, 1000);
  });

  it("comes back some time within the second half of the wait", async () => {
    vi.mocked(Math.random).mockReturnValue(0);
    render();
    await dropAndWait(1, 500);
  });

  it.each([
    ["when it may not", { reconnectAttempts: 0 }, 1006],
    ["without a token that is good", {}, 4401],
    ["with a token that is over", {}, 4402],
    ["after the token was revoked", {}, 4403],
  ])("does not %s", async (_, options, code) => {
    const { result } = render(options);
    const socket = await FakeWebSocket.only();
    act(() => socket.open());
    act(() => socket.drop(code));
    expect(result.current).toMatchObject({ isConnected: false, socket: null });
    act(() => void vi.advanceTimersByTime(600_000));
    await act(async () => {});
    expect(FakeWebSocket.made).toHaveLength(1);
  });
});
