import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { aGreeting } from "../testing/fakeLine";
import { createFakeVisibility } from "../testing/fakeVisibility";
import { FakeServer } from "../testing/fakeWire";
import { Connection } from "./connection";
import type { RealtimeClientOptions, TokenReason } from "./types";

let server: FakeServer;
let reasons: TokenReason[];
let random: number;
let connection: Connection;
const visibility = createFakeVisibility();

function create(options: Partial<RealtimeClientOptions> = {}) {
  connection?.stop();
  connection = new Connection(
    {
      getToken: (reason) => {
        reasons.push(reason);
        return `token-${reasons.length}`;
      },
      backoff: { firstMs: 1_000, longestMs: 8_000 },
      visibility,
      ...options,
    },
    { openWire: server.open, random: () => random },
  );
  return connection;
}

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  server = new FakeServer();
  reasons = [];
  random = 1;
  visibility.show();
  create();
});
afterEach(() => {
  connection.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const state = () => connection.state.getSnapshot();
const tick = () => vi.advanceTimersByTimeAsync(0);

async function connect() {
  connection.start();
  await tick();
  server.wire.greet();
}

describe("a connection", () => {
  it("is whole once every namespace has greeted", async () => {
    const whole = vi.fn();
    connection.whole.on(whole);
    connection.start();
    expect(state()).toMatchObject({ status: "connecting", attempt: 1, wasOnline: false });
    await tick();
    expect(server.wire.options).toMatchObject({
      namespaces: ["/messaging", "/notifications", "/presence"],
      auth: { token: "token-1" },
      transports: ["websocket", "polling"],
    });
    server.wire.tell("connection_established", aGreeting(), "/messaging");
    server.wire.tell("connection_established", aGreeting(), "/notifications");
    expect(state().status).toBe("connecting");
    server.wire.tell("connection_established", aGreeting(), "/presence");
    expect(state()).toEqual({
      status: "online",
      attempt: 0,
      retryAt: null,
      error: null,
      wasOnline: true,
      degraded: null,
    });
    expect(whole).toHaveBeenCalledOnce();
  });

  it("shows what the server works without, until it is back or the connection is gone", async () => {
    await connect();
    server.wire.tell("service_degraded", { reason: "cluster" }, "/messaging");
    server.wire.tell("service_degraded", { reason: "cluster" }, "/presence");
    expect(state()).toMatchObject({ status: "online", degraded: "cluster" });
    server.wire.tell("service_restored", {}, "/messaging");
    expect(state()).toMatchObject({ status: "online", degraded: null });
    server.wire.tell("service_degraded", { reason: "cluster" }, "/messaging");
    server.wire.drop();
    expect(state()).toMatchObject({ status: "waiting", degraded: null });
  });

  it("keeps what it was told before it was whole", async () => {
    connection.start();
    await tick();
    server.wire.tell("connection_established", aGreeting(), "/messaging");
    server.wire.tell("service_degraded", { reason: "cluster" }, "/messaging");
    server.wire.greet();
    expect(state()).toMatchObject({ status: "online", degraded: "cluster" });
  });

  it("gives its language if it has one", async () => {
    create({ locale: "en", url: "https://chat.example" }).start();
    await tick();
    expect(server.wire.options).toMatchObject({ auth: { locale: "en" }, url: "https://chat.example" });
  });

  it("tells events by name and passes over those that nobody knows", async () => {
    await connect();
    const heard = vi.fn();
    const leave = connection.on("pong", heard);
    server.wire.tell("pong", { timestamp: 1 });
    Object.assign(server.wire, {}).tell("constructor" as "pong", { timestamp: 2 });
    leave();
    server.wire.tell("pong", { timestamp: 3 });
    expect(heard.mock.calls).toEqual([[{ timestamp: 1 }]]);
  });

  it("ends without a trace", async () => {
    await connect();
    const lost = vi.fn();
    connection.lost.on(lost);
    const pending = expect(connection.ask("ping", {})).rejects.toMatchObject({ code: "offline" });
    await tick();
    connection.stop();
    await pending;
    expect(server.wire.isClosed).toBe(true);
    expect(state()).toEqual({
      status: "idle",
      attempt: 0,
      retryAt: null,
      error: null,
      wasOnline: false,
      degraded: null,
    });
    expect(lost).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.wires).toHaveLength(1);
  });

  it("can be stopped while it waits for a token", async () => {
    let give = (_: string) => {};
    create({ getToken: () => new Promise((resolve) => (give = resolve)) }).start();
    connection.stop();
    give("late");
    await tick();
    expect(server.wires).toEqual([]);
    expect(state().status).toBe("idle");
  });
});

describe("when it is lost", () => {
  it("comes back, later each time, and tells when", async () => {
    await connect();
    const waits: (number | null)[] = [];
    for (let failures = 0; failures < 5; failures += 1) {
      server.wire.drop();
      const { retryAt } = state();
      waits.push(retryAt && retryAt - Date.now());
      expect(state()).toMatchObject({ status: "waiting", wasOnline: true, error: { code: "offline" } });
      await vi.advanceTimersByTimeAsync((retryAt ?? 0) - Date.now());
      expect(state()).toMatchObject({ status: "connecting", retryAt: null, attempt: failures + 1 });
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 8_000]);
    server.wire.greet();
    server.wire.drop();
    expect(state().retryAt).toBe(Date.now() + 1_000);
  });

  it("keeps clients apart from one another", async () => {
    await connect();
    random = 0;
    server.wire.drop();
    expect(state().retryAt).toBe(500);
  });

  it.each([
    ["on request", () => connection.retryNow()],
    ["when the network is back", () => window.dispatchEvent(new Event("online"))],
    ["when the page comes into sight", () => visibility.show()],
  ])("does not wait %s", async (_, hurry) => {
    await connect();
    visibility.hide();
    server.wire.drop();
    hurry();
    await tick();
    expect(server.wires).toHaveLength(2);
    expect(state()).toMatchObject({ status: "connecting", retryAt: null });
    hurry();
    await tick();
    expect(server.wires).toHaveLength(2);
  });

  it("hears nothing more of the old transport", async () => {
    await connect();
    const old = server.wire;
    old.drop();
    await vi.advanceTimersByTimeAsync(1_000);
    old.greet();
    old.drop();
    old.refuse("forbidden");
    expect(state().status).toBe("connecting");
    expect(server.wires).toHaveLength(2);
  });

  it("comes back when the server drains, not before the time it names", async () => {
    await connect();
    server.wire.tell("connection_closing", { code: "draining", retryable: true, reconnect_after_ms: 3_000 });
    expect(state().status).toBe("online");
    server.wire.drop();
    expect(state()).toMatchObject({ status: "waiting", retryAt: 4_000 });
  });

  it("closes itself what the server said to close and did not", async () => {
    await connect();
    server.wire.tell("connection_closing", { code: "draining", retryable: true, reconnect_after_ms: 0 });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(server.wires[0]?.isClosed).toBe(true);
    expect(state().status).toBe("waiting");
  });

  it("comes with a newer token when the last one ended", async () => {
    await connect();
    server.wire.tell("connection_closing", { code: "token_expired", retryable: false, reconnect_after_ms: null });
    server.wire.drop();
    expect(state()).toMatchObject({ status: "waiting", error: { code: "token_expired" } });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(reasons).toEqual(["connect", "refused"]);
    server.wire.greet();
    server.wire.drop();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(reasons).toEqual(["connect", "refused", "connect"]);
  });

  it("does not come back when it was revoked", async () => {
    await connect();
    server.wire.tell("connection_closing", { code: "revoked", retryable: false, reconnect_after_ms: null });
    server.wire.drop();
    expect(state()).toMatchObject({ status: "refused", error: { code: "revoked" }, retryAt: null });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.wires).toHaveLength(1);
    await expect(connection.ask("ping", {})).rejects.toMatchObject({ code: "revoked" });
  });
});

describe("when the connect is refused", () => {
  it("asks once for another token, then gives up until it is told to go on", async () => {
    connection.start();
    await tick();
    server.wire.refuse("unauthenticated");
    await tick();
    expect(reasons).toEqual(["connect", "refused"]);
    expect(server.wire.options.auth.token).toBe("token-2");
    server.wire.refuse("unauthenticated");
    expect(state()).toMatchObject({ status: "refused", error: { code: "unauthenticated" } });
    await vi.advanceTimersByTimeAsync(60_000);
    window.dispatchEvent(new Event("online"));
    expect(server.wires).toHaveLength(2);

    connection.retryNow();
    await tick();
    expect(reasons).toEqual(["connect", "refused", "refused"]);
    server.wire.greet();
    expect(state()).toMatchObject({ status: "online", error: null });
  });

  it("still asks for another token after the network failed meanwhile", async () => {
    connection.start();
    await tick();
    server.wire.refuse("token_expired");
    await tick();
    server.wire.drop();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(reasons).toEqual(["connect", "refused", "refused"]);
  });

  it("gives up on what no token cures, and tries again what may pass", async () => {
    connection.start();
    await tick();
    server.wire.refuse("unavailable", true);
    expect(state()).toMatchObject({ status: "waiting", error: { code: "unavailable" } });
    await vi.advanceTimersByTimeAsync(1_000);
    server.wire.refuse("not_found");
    expect(state()).toMatchObject({ status: "refused", error: { code: "not_found" } });
  });

  it("waits and tries again when the host has no token for us", async () => {
    const getToken = vi.fn<RealtimeClientOptions["getToken"]>().mockRejectedValueOnce(new Error("login is away"));
    getToken.mockResolvedValue("t");
    create({ getToken }).start();
    await tick();
    expect(state()).toMatchObject({ status: "waiting", error: { message: "login is away" } });
    await vi.advanceTimersByTimeAsync(1_000);
    server.wire.greet();
    expect(state().status).toBe("online");
  });
});

describe("a dead line", () => {
  it("is noticed while connecting, where the next attempt begins with polling", async () => {
    connection.start();
    await tick();
    server.wire.tell("connection_established", aGreeting(), "/messaging");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.wires[0]?.isClosed).toBe(true);
    expect(state()).toMatchObject({ status: "waiting", error: { code: "timeout" } });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(server.wire.options.transports).toEqual(["polling", "websocket"]);
    server.wire.greet();
    server.wire.drop();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(server.wire.options.transports).toEqual(["polling", "websocket"]);
  });

  it("does not change the transport where the server only is not there", async () => {
    connection.start();
    await tick();
    server.wire.drop();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(server.wire.options.transports).toEqual(["websocket", "polling"]);
  });

  it("is noticed by an answer that does not come", async () => {
    await connect();
    const ask = expect(connection.ask("ping", {})).rejects.toMatchObject({ code: "timeout", retryable: true });
    const other = expect(connection.ask("list_threads", {})).rejects.toMatchObject({ code: "offline" });
    await vi.advanceTimersByTimeAsync(9_999);
    expect(state().status).toBe("online");
    await vi.advanceTimersByTimeAsync(1);
    await Promise.all([ask, other]);
    expect(server.wire.isClosed).toBe(true);
    expect(state().status).toBe("waiting");
  });
});

describe("asking", () => {
  it("goes to the namespace that knows the operation", async () => {
    await connect();
    server.answer("ping", () => ({ behind: [] }));
    server.answer("get_presence", () => ({ users: [] }));
    server.answer("sync", () => ({ threads: {}, notifications: null }));
    await connection.ask("ping", {});
    await connection.ask("get_presence", { user_ids: [1] });
    await connection.ask("sync", { threads: {} });
    await connection.ask("sync", { notifications: 1 });
    expect(server.wire.packets.map(({ namespace, name }) => [namespace, name])).toEqual([
      ["/messaging", "ping"],
      ["/presence", "get_presence"],
      ["/messaging", "sync"],
      ["/notifications", "sync"],
    ]);
  });

  it("rejects with what the server says, and with what no namespace of ours can", async () => {
    await connect();
    const ask = connection.ask("get_thread", { thread_id: "x" });
    await tick();
    server.wire.packets[0]?.answer({
      ok: false,
      error: { code: "not_found", message: "No", details: {}, retryable: false },
    });
    await expect(ask).rejects.toMatchObject({ code: "not_found", message: "No", retryable: false });
    await expect(connection.ask("join", { thread_id: "x" })).rejects.toMatchObject({ code: "unknown_operation" });
    expect(connection.can("join")).toBe(false);
    expect(connection.can("list_threads")).toBe(true);
  });

  it("waits for the connection that is being made, and not between two attempts", async () => {
    server.answer("ping", () => ({ behind: ["t1"] }));
    const early = connection.ask("ping", {});
    connection.start();
    await tick();
    server.wire.greet();
    expect(await early).toEqual({ behind: ["t1"] });
    server.wire.drop();
    await expect(connection.ask("ping", {})).rejects.toMatchObject({ code: "offline" });
  });

  it("does not wait for ever for a connection", async () => {
    const never = expect(connection.ask("ping", {})).rejects.toMatchObject({ code: "offline" });
    await vi.advanceTimersByTimeAsync(10_000);
    await never;
    connection.start();
    await tick();
    const failing = expect(connection.ask("ping", {})).rejects.toMatchObject({ code: "offline" });
    server.wire.drop();
    await failing;
  });
});

describe("a token that ends", () => {
  const expires_at = "2026-11-24T12:01:00.000Z";
  const later = "2026-11-24T13:00:00.000Z";

  it("is replaced in place, on every namespace, once for all their warnings", async () => {
    await connect();
    server.answer("refresh_token", () => ({ expires_at: later }));
    for (const namespace of connection.namespaces) server.wire.tell("token_expiring", { expires_at }, namespace);
    await tick();
    expect(reasons).toEqual(["connect", "expiring"]);
    expect(server.wire.packets.map(({ namespace, request }) => [namespace, request])).toEqual([
      ["/messaging", { token: "token-2" }],
      ["/notifications", { token: "token-2" }],
      ["/presence", { token: "token-2" }],
    ]);
    expect(state().status).toBe("online");
    server.wire.tell("token_expiring", { expires_at: later });
    await tick();
    expect(reasons).toHaveLength(3);
  });

  it("is asked for again when that failed, or when it was the old one", async () => {
    const getToken = vi.fn<RealtimeClientOptions["getToken"]>().mockResolvedValueOnce("first");
    getToken.mockRejectedValueOnce(new Error("login is away")).mockResolvedValue("newer");
    create({ getToken });
    await connect();
    let answered = 0;
    server.answer("refresh_token", () => {
      answered += 1;
      return { expires_at: answered <= 3 ? expires_at : later };
    });
    server.wire.tell("token_expiring", { expires_at });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.requests("refresh_token")).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.requests("refresh_token")).toHaveLength(6);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(getToken.mock.calls.map(([reason]) => reason)).toEqual(["connect", "expiring", "expiring", "expiring"]);
  });

  it("is not refreshed on a connection that is gone", async () => {
    let give = (_: string) => {};
    create({ getToken: (reason) => (reason === "expiring" ? new Promise((resolve) => (give = resolve)) : "t") });
    await connect();
    server.wire.tell("token_expiring", { expires_at });
    server.wire.drop();
    give("late");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(server.requests("refresh_token")).toEqual([]);
  });
});
