// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { aMessage, aNotification, aPresence, aThread, ME, OTHER, someSettings } from "../testing/factories";
import { createFakeVisibility } from "../testing/fakeVisibility";
import { FakeServer } from "../testing/fakeWire";
import type { Message, ThreadChanges } from "../types/generated/contract";
import { createRealtimeClient } from "./client";
import { memoryStorage } from "./drafts";
import { Failure } from "./failure";
import { memoryOutbox } from "./outboxStorage";
import type { OutboxStorage, RealtimeClient, RealtimeClientOptions } from "./types";

const nothing: ThreadChanges = {
  rev: 1,
  thread: null,
  messages: [],
  receipts: [],
  unread_count: 0,
  removed: false,
  more: false,
};

let server: FakeServer;
let client: RealtimeClient;
let outboxStorage: OutboxStorage;
const clients: RealtimeClient[] = [];

function create(options: Partial<RealtimeClientOptions> = {}) {
  const settings = { getToken: () => "t", visibility: createFakeVisibility(), outboxStorage, ...options };
  const created = createRealtimeClient(settings, {
    openWire: server.open,
    random: () => 0,
    draftStorage: memoryStorage(),
  });
  clients.push(created);
  return created;
}

/** What the server has: María's thread with Juan, and one message of his. */
function furnish() {
  const message = aMessage({ seq: 1, rev: 2 });
  const thread = aThread({ last_seq: 1, rev: 2, unread_count: 1, last_message: message });
  server.answer("list_threads", () => ({ threads: [thread], next_cursor: null, total_unread: 1 }));
  server.answer("get_history", () => ({ messages: [message], has_more_before: false, has_more_after: false }));
  server.answer("list_notifications", () => ({ notifications: [], next_cursor: null, unread_count: 0, rev: 0 }));
  server.answer("get_settings", () => someSettings());
  server.answer("get_presence", () => ({ users: [aPresence()] }));
  server.answer("mark_delivered", ({ thread_id, seq }) => ({ thread_id, delivered_seq: seq }));
  server.answer("sync", () => ({ threads: { t1: { ...nothing, rev: 2 } }, notifications: null }));
}

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  outboxStorage = memoryOutbox();
  furnish();
  client = create();
});
afterEach(async () => {
  for (const created of clients.splice(0)) created.stop();
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const tick = () => vi.advanceTimersByTimeAsync(0);
const shown = () =>
  client
    .history("t1")
    .getSnapshot()
    .messages.map(({ content, state }) => [content, state]);
const names = () => server.wire.packets.map(({ name }) => name);

async function connect() {
  client.start();
  await tick();
  server.wire.greet();
  await tick();
}

async function reconnect() {
  server.wire.drop();
  await vi.advanceTimersByTimeAsync(1_000);
  server.wire.greet();
  await tick();
}

describe("the first connection", () => {
  it("says who we are and loads what every app shows", async () => {
    await connect();
    expect(client.me.getSnapshot()).toBe(ME);
    expect(client.threads.getSnapshot()).toMatchObject({ status: "ready", totalUnread: 1 });
    expect(client.notifications.getSnapshot().status).toBe("ready");
    expect(client.settings.getSnapshot()).toEqual(someSettings());
    expect(names()).toContain("heartbeat");
  });

  it("tells that messages which came before it have arrived now", async () => {
    await connect();
    await vi.advanceTimersByTimeAsync(200);
    expect(server.requests("mark_delivered")).toEqual([{ thread_id: "t1", seq: 1 }]);
  });

  it("answers what was asked before it", async () => {
    const load = client.history("t1").load({});
    await connect();
    await load;
    expect(shown()).toEqual([["Message 1", "sent"]]);
  });
});

describe("before the first connection", () => {
  it("keeps what is written, if it is known who we are, and sends it after what waited on the device", async () => {
    const waiting = { clientMessageId: "c1", userId: ME, threadId: "t1", error: null };
    await outboxStorage.put({ ...waiting, content: "Before the reload", createdAt: "2026-11-24T12:00:00.000Z" });
    client = create({ userId: ME });
    client.start();
    await tick();
    expect(client.me.getSnapshot()).toBe(ME);
    void client.send("t1", "After it");
    await tick();
    expect(shown()).toEqual([
      ["Before the reload", "sending"],
      ["After it", "sending"],
    ]);
    expect(await outboxStorage.all(ME)).toHaveLength(2);
    let seq = 1;
    server.answer("send_message", ({ content }) => {
      seq += 1;
      return aMessage({ content, sender_id: ME, seq, rev: seq + 1 });
    });
    server.wire.greet();
    await tick();
    expect(server.requests("send_message").map(({ content }) => content)).toEqual(["Before the reload", "After it"]);
    expect(await outboxStorage.all(ME)).toEqual([]);
  });

  it("sends nothing of one person as another", async () => {
    client = create({ userId: OTHER });
    client.start();
    await tick();
    const sent = client.send("t1", "Of Juan");
    server.wire.greet();
    await expect(sent).rejects.toMatchObject({ code: "offline" });
    await tick();
    expect(client.me.getSnapshot()).toBe(ME);
    expect(server.requests("send_message")).toEqual([]);
  });
});

describe("a connection that answers but tells nothing", () => {
  it("finds messages, threads and notifications within one heartbeat", async () => {
    server.answer("heartbeat", () => ({ server_time: "2026-11-24T12:00:00.000Z", timestamp: null }));
    await connect();
    await client.history("t1").load({});
    const missed = aMessage({ seq: 2, rev: 3 });
    const changed = aThread({ last_seq: 2, rev: 3, unread_count: 2, last_message: missed });
    const news = aThread({ id: "t2", activity_at: "2026-11-24T15:00:00.000Z" });
    server.answer("ping", () => ({ behind: ["t1"] }));
    server.answer("list_threads", () => ({ threads: [news, changed], next_cursor: null, total_unread: 3 }));
    server.answer("sync", (request) => ({
      threads: { ...(request.threads && { t1: { ...nothing, rev: 3, messages: [missed], unread_count: 2 } }) },
      notifications: { rev: 1, items: [aNotification({ rev: 1 })], more: false, unread_count: 1 },
    }));
    await vi.advanceTimersByTimeAsync(30_000);
    expect(shown()).toEqual([
      ["Message 1", "sent"],
      ["Message 2", "sent"],
    ]);
    expect(client.threads.getSnapshot().threads.map(({ id }) => id)).toEqual(["t2", "t1"]);
    expect(client.notifications.getSnapshot()).toMatchObject({ unreadCount: 1, notifications: [{ id: "n1" }] });
  });
});

describe("live", () => {
  beforeEach(connect);

  it("a message moves its thread, is told once, and ends its writer's typing", async () => {
    const heard: Message[] = [];
    client.onMessage((message) => heard.push(message));
    server.wire.tell("typing_notification", { user_id: OTHER, user_name: "Juan", thread_id: "t1", is_typing: true });
    expect(client.typing.getSnapshot().users).toHaveLength(1);
    const message = aMessage({ seq: 2, rev: 3 });
    server.wire.tell("new_message", { message });
    server.wire.tell("new_message", { message });
    expect(heard).toEqual([message]);
    expect(client.typing.getSnapshot().users).toEqual([]);
    expect(client.threads.getSnapshot().totalUnread).toBe(2);
    await vi.advanceTimersByTimeAsync(200);
    expect(server.requests("mark_delivered").at(-1)).toEqual({ thread_id: "t1", seq: 2 });
  });

  it("a message of a thread that is not known is told once, and its thread is found", async () => {
    const heard = vi.fn();
    client.onMessage(heard);
    const message = aMessage({ thread_id: "t2", id: "x1" });
    const thread = aThread({ id: "t2", last_seq: 1, unread_count: 1, last_message: message });
    server.answer("list_threads", () => ({ threads: [thread], next_cursor: null, total_unread: 2 }));
    server.wire.tell("new_message", { message });
    server.wire.tell("new_message", { message });
    expect(heard).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(50);
    expect(client.threads.get("t2")).toEqual(thread);
    expect(client.threads.getSnapshot().totalUnread).toBe(2);
    await vi.advanceTimersByTimeAsync(200);
  });

  it("receipts move ticks and counts", async () => {
    server.answer("send_message", ({ content, client_message_id = null }) =>
      aMessage({ seq: 2, rev: 3, content, client_message_id, sender_id: ME }),
    );
    await client.history("t1").load({});
    await client.send("t1", "Hola");
    const receipt = { thread_id: "t1", user_id: OTHER, user_name: "Juan", delivered_at: "2026-11-24T12:00:01.000Z" };
    server.wire.tell("message_delivered_receipt", { ...receipt, delivered_seq: 2, rev: 4 });
    expect(shown().at(-1)).toEqual(["Hola", "delivered"]);
    const read = {
      message_id: null,
      message_ids: [],
      thread_id: "t1",
      read_at: "2026-11-24T12:00:02.000Z",
      read_seq: 2,
    };
    server.wire.tell("message_read_receipt", { ...read, read_by: "Juan", reader_id: OTHER, unread_count: 0, rev: 5 });
    expect(shown().at(-1)).toEqual(["Hola", "read"]);
    server.wire.tell("message_read_receipt", { ...read, read_by: "María", reader_id: ME, unread_count: 0, rev: 6 });
    expect(client.threads.getSnapshot()).toMatchObject({ totalUnread: 0 });
  });

  it("everything else finds its store", async () => {
    const arrived = vi.fn();
    client.notifications.onArrival(arrived);
    server.wire.tell("thread_created", { thread: aThread({ id: "t3" }) });
    server.wire.tell("user_status_update", aPresence({ state: "away" }));
    server.wire.tell("urgent_notification", { ...aNotification(), unread_count: 1 });
    server.wire.tell("settings_updated", { settings: someSettings({ sound: false }) });
    server.wire.tell("user_updated", { user: { id: OTHER, display_name: "J. P.", avatar_url: null, locale: null } });
    expect(client.threads.get("t3")).toBeDefined();
    expect(client.presence.getSnapshot().users.get("2")?.state).toBe("away");
    expect(client.notifications.getSnapshot().unreadCount).toBe(1);
    expect(arrived).toHaveBeenCalledOnce();
    expect(client.settings.getSnapshot()?.sound).toBe(false);
    expect(client.threads.get("t1")?.participants[1]?.display_name).toBe("J. P.");
  });

  it("sending ends one's own typing", async () => {
    client.startTyping("t1");
    void client.send("t1", "Hola");
    expect(names().filter((name) => name.startsWith("typing"))).toEqual(["typing_start", "typing_stop"]);
  });

  it("finds out by heartbeat what went missing without a trace", async () => {
    await client.history("t1").load({});
    server.answer("ping", () => ({ behind: ["t1"] }));
    server.answer("heartbeat", () => ({ server_time: "", timestamp: null }));
    const changes = { ...nothing, rev: 3, messages: [aMessage({ seq: 2, rev: 3 })] };
    server.answer("sync", () => ({ threads: { t1: changes }, notifications: null }));
    const beat = server.wire.packets.find(({ name }) => name === "heartbeat");
    beat?.answer({ ok: true, data: { server_time: "", timestamp: null } });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(server.requests("ping")).toEqual([{ heads: { t1: 2 } }]);
    expect(client.history("t1").getSnapshot().messages).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(200);
  });
});

describe("a later connection", () => {
  beforeEach(connect);

  it("catches up before it sends what waited", async () => {
    await client.history("t1").load({});
    client.join("t1");
    server.wire.drop();
    const send = client.send("t1", "written meanwhile");
    expect(shown().at(-1)).toEqual(["written meanwhile", "sending"]);
    const missed = { ...nothing, rev: 3, messages: [aMessage({ seq: 2, rev: 3 })] };
    server.answer("sync", () => ({ threads: { t1: missed }, notifications: null }));
    server.answer("send_message", ({ content, client_message_id = null }) =>
      aMessage({ id: "own", seq: 3, rev: 4, content, client_message_id, sender_id: ME }),
    );
    await vi.advanceTimersByTimeAsync(1_000);
    server.wire.greet();
    expect(await send).toMatchObject({ seq: 3 });
    expect(shown().map(([content]) => content)).toEqual(["Message 1", "Message 2", "written meanwhile"]);
    expect(names()).toContain("join_conversation");
    expect(names().indexOf("sync")).toBeLessThan(names().indexOf("send_message"));
    await vi.advanceTimersByTimeAsync(200);
  });

  it("drops threads that are not ours any more, and finds new ones", async () => {
    server.answer("sync", () => ({ threads: { t1: { ...nothing, removed: true } }, notifications: null }));
    server.answer("list_threads", () => ({ threads: [aThread({ id: "t9" })], next_cursor: null, total_unread: 0 }));
    await reconnect();
    expect(client.threads.getSnapshot().threads.map(({ id }) => id)).toEqual(["t9"]);
    expect(client.threads.getSnapshot().totalUnread).toBe(0);
  });

  it("of another person shows nothing of the first", async () => {
    await client.history("t1").load({});
    server.answer("list_threads", () => ({ threads: [], next_cursor: null, total_unread: 0 }));
    server.wire.drop();
    await vi.advanceTimersByTimeAsync(1_000);
    server.wire.greet({ user_id: 77 });
    expect(client.me.getSnapshot()).toBe(77);
    expect(client.history("t1").getSnapshot().messages).toEqual([]);
    await tick();
    expect(client.threads.getSnapshot().threads).toEqual([]);
  });

  it("still sends when catching up failed", async () => {
    server.wire.drop();
    const send = client.send("t1", "Hola");
    server.answer("sync", () => {
      throw new Failure("unavailable", "Later", true);
    });
    server.answer("send_message", ({ content, client_message_id = null }) =>
      aMessage({ seq: 2, rev: 3, content, client_message_id, sender_id: ME }),
    );
    await vi.advanceTimersByTimeAsync(1_000);
    server.wire.greet();
    expect(await send).toMatchObject({ content: "Hola" });
  });
});

describe("stop", () => {
  it("forgets what was in memory, keeps what was not sent, and may be followed by a start", async () => {
    await connect();
    const history = client.history("t1");
    await history.load({});
    const send = expect(client.send("t1", "unsent")).rejects.toMatchObject({ code: "offline" });
    client.markRead("t1");
    client.startTyping("t1");
    client.presence.ensure([OTHER]);
    await tick();
    client.stop();
    await send;
    expect(client.me.getSnapshot()).toBeNull();
    expect(client.threads.getSnapshot()).toMatchObject({ threads: [], status: "loading", totalUnread: 0 });
    expect(history.getSnapshot()).toMatchObject({ messages: [], loaded: false });
    expect(client.presence.getSnapshot().users.size).toBe(0);
    expect(client.settings.getSnapshot()).toBeNull();
    expect(vi.getTimerCount()).toBe(0);

    server.answer("send_message", ({ content, client_message_id = null }) =>
      aMessage({ seq: 2, rev: 3, content, client_message_id, sender_id: ME }),
    );
    await connect();
    await tick();
    expect(client.history("t1")).toBe(history);
    expect(server.requests("send_message").map(({ content }) => content)).toEqual(["unsent", "unsent"]);
    expect(await outboxStorage.all(ME)).toEqual([]);
  });

  it("may come at any moment", async () => {
    for (let steps = 0; steps < 12; steps += 1) {
      client.start();
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      if (server.wires.length > 0 && !server.wire.isClosed) server.wire.greet();
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      client.stop();
      await tick();
      expect(vi.getTimerCount()).toBe(0);
      expect(client.threads.getSnapshot()).toMatchObject({ threads: [], status: "loading" });
    }
  });
});

describe("two tabs", () => {
  it("show a message once, whichever of them sends it", async () => {
    await connect();
    server.wire.drop();
    void client.send("t1", "Hola");
    await tick();
    const first = client;
    first.stop();

    const rows = new Map<string, Message>();
    server.answer("send_message", ({ content, client_message_id }) => {
      const key = client_message_id ?? "";
      const row =
        rows.get(key) ?? aMessage({ id: "own", seq: 2, rev: 3, content, client_message_id: key, sender_id: ME });
      rows.set(key, row);
      return row;
    });
    server.answer("get_history", () => {
      const messages = [aMessage({ seq: 1, rev: 2 }), ...rows.values()];
      return { messages, has_more_before: false, has_more_after: false };
    });
    const tabs = [create(), create()];
    for (const tab of tabs) {
      tab.start();
      await tick();
      server.wire.greet();
    }
    await tick();
    for (const wire of server.wires) for (const message of rows.values()) wire.tell("new_message", { message });
    for (const tab of tabs) {
      await tab.history("t1").load({});
      const own = tab
        .history("t1")
        .getSnapshot()
        .messages.filter(({ content }) => content === "Hola");
      expect(own).toHaveLength(1);
      expect(own[0]).toMatchObject({ state: "sent", seq: 2 });
    }
    expect(rows.size).toBe(1);
    await vi.advanceTimersByTimeAsync(200);
  });
});

it("keeps drafts for whoever is signed in", async () => {
  await connect();
  client.drafts.set("t1", "half a");
  expect(client.drafts.get("t1")).toBe("half a");
});

it("looks for people", async () => {
  await connect();
  server.answer("list_people", () => ({ people: [], next_cursor: null }));
  await client.people("  ");
  await client.people("jua", "next");
  expect(server.requests("list_people")).toEqual([
    { query: null, cursor: null },
    { query: "jua", cursor: "next" },
  ]);
});

it("hears a single conversation on /threads", async () => {
  client = create({ namespaces: ["/threads"] });
  server.answer("join", ({ thread_id }) => aThread({ id: thread_id }));
  client.join("t1");
  await connect();
  await tick();
  expect(client.threads.getSnapshot()).toMatchObject({ status: "ready" });
  expect(client.threads.get("t1")).toBeDefined();
  server.wire.tell("new_message", { message: aMessage({ seq: 1, rev: 2 }) }, "/threads");
  expect(client.threads.get("t1")).toMatchObject({ last_seq: 1 });
  await vi.advanceTimersByTimeAsync(200);
});
