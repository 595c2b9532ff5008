// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { aMessage, aThread, ME } from "../testing/factories";
import { createFakeLine, type FakeLine } from "../testing/fakeLine";
import type { Message, Operations } from "../types/generated/contract";
import { Conversations } from "./conversations";
import { Failure, offline } from "./failure";
import { Outbox } from "./outbox";
import { memoryOutbox } from "./outboxStorage";
import type { OutboxStorage } from "./types";

type Send = Operations["send_message"]["request"];

let line: FakeLine;
let conversations: Conversations;
let storage: OutboxStorage;
let outbox: Outbox;
const caughtUp = vi.fn(async () => {});

function createOutbox() {
  conversations = new Conversations(line.ask);
  conversations.me.set(ME);
  conversations.adopt(aThread());
  const created = new Outbox({ line, conversations, storage, catchUp: { threads: caughtUp } });
  conversations.stored.on(created.settle);
  return created;
}

beforeEach(() => {
  vi.useFakeTimers();
  caughtUp.mockReset();
  line = createFakeLine();
  storage = memoryOutbox();
  outbox = createOutbox();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const shown = (threadId = "t1") =>
  conversations.histories
    .of(threadId)
    .getSnapshot()
    .messages.map(({ content, state }) => [content, state]);
const sent = () => line.requests("send_message").map(({ content }) => content);
const kept = async () => (await storage.all(ME)).map(({ content }) => content);

/** A server that stores: one message for each client_message_id. */
function store() {
  const messages: Message[] = [];
  line.answer("send_message", ({ thread_id, content, client_message_id = null }: Send) => {
    const known = messages.find((message) => message.client_message_id === client_message_id);
    const seq = messages.length + 1;
    const message = known ?? aMessage({ thread_id, content, client_message_id, seq, sender_id: ME });
    if (known === undefined) messages.push(message);
    return message;
  });
  return messages;
}

async function load() {
  line.answer("get_history", () => ({ messages: [], has_more_before: false, has_more_after: false }));
  await conversations.histories.of("t1").load({});
}

describe("a message", () => {
  it("is shown at once, written down before it is sent, and forgotten when it is stored", async () => {
    await load();
    store();
    const order: string[] = [];
    const { put } = storage;
    storage.put = async (entry) => {
      order.push("written");
      await put(entry);
    };
    const { ask } = line;
    Object.assign(line, {
      ask: (...args: Parameters<typeof ask>) => {
        order.push("sent");
        return ask(...args);
      },
    });
    const send = outbox.send("t1", "Hola");
    expect(shown()).toEqual([["Hola", "sending"]]);
    expect(await send).toMatchObject({ content: "Hola", seq: 1 });
    expect(order).toEqual(["written", "sent"]);
    expect(shown()).toEqual([["Hola", "sent"]]);
    expect(await kept()).toEqual([]);
  });

  it("is stored also when its broadcast comes and the answer never does", async () => {
    await load();
    const send = outbox.send("t1", "Hola");
    await vi.waitFor(() => expect(sent()).toEqual(["Hola"]));
    const client_message_id = line.requests("send_message")[0]?.client_message_id ?? null;
    conversations.take(aMessage({ seq: 1, sender_id: ME, content: "Hola", client_message_id }));
    expect(await send).toMatchObject({ seq: 1 });
    expect(shown()).toEqual([["Hola", "sent"]]);
    expect(await kept()).toEqual([]);
  });

  it("waits for the one before it, in its own thread only", async () => {
    let answer = (_: Message) => {};
    line.answer("send_message", (request) => {
      if (request.content !== "one") return aMessage({ ...request, seq: 2, sender_id: ME });
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    void outbox.send("t1", "one");
    const second = outbox.send("t1", "two");
    await outbox.send("t2", "elsewhere");
    expect(sent()).toEqual(["one", "elsewhere"]);
    answer(
      aMessage({
        seq: 1,
        content: "one",
        sender_id: ME,
        client_message_id: line.requests("send_message")[0]?.client_message_id ?? null,
      }),
    );
    await second;
    expect(sent()).toEqual(["one", "elsewhere", "two"]);
  });

  it("waits for a connection, and goes out under the same id", async () => {
    line.isWhole = false;
    const send = outbox.send("t1", "Hola");
    await vi.advanceTimersByTimeAsync(0);
    expect(sent()).toEqual([]);
    expect(await kept()).toEqual(["Hola"]);
    line.isWhole = true;
    line.answer("send_message", () => {
      line.isWhole = false;
      throw offline();
    });
    outbox.flush();
    await vi.waitFor(() => expect(sent()).toEqual(["Hola"]));
    line.isWhole = true;
    store();
    outbox.flush();
    await send;
    const ids = new Set(line.requests("send_message").map(({ client_message_id }) => client_message_id));
    expect(ids.size).toBe(1);
  });

  it("is sent again when the server has no time, and before what follows it", async () => {
    line.answer("send_message", () => {
      throw new Failure("rate_limited", "Slowly", true);
    });
    const sends = [outbox.send("t1", "one"), outbox.send("t1", "two")];
    await vi.advanceTimersByTimeAsync(0);
    expect(sent()).toEqual(["one"]);
    store();
    await vi.advanceTimersByTimeAsync(2_000);
    await Promise.all(sends);
    expect(sent()).toEqual(["one", "one", "two"]);
  });

  it("is not lost to a token that just ended", async () => {
    line.answer("send_message", () => {
      throw new Failure("token_expired", "Expired", false);
    });
    void outbox.send("t1", "Hola");
    await vi.advanceTimersByTimeAsync(0);
    expect(shown()).toEqual([["Hola", "sending"]]);
  });

  it("goes out although the device never finishes writing", async () => {
    store();
    storage.put = () => new Promise(() => {});
    const send = outbox.send("t1", "Hola");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await send).toMatchObject({ content: "Hola" });
  });
});

describe("a message that is refused", () => {
  beforeEach(() => {
    line.answer("send_message", ({ content }) => {
      if (content === "bad") throw new Failure("payload_too_large", "Too long", false);
      return aMessage({ content, sender_id: ME });
    });
  });

  it("has failed, says why, and does not hold up the next", async () => {
    const refused = expect(outbox.send("t1", "bad")).rejects.toMatchObject({ code: "payload_too_large" });
    await outbox.send("t1", "good");
    await refused;
    const [failed] = conversations.histories.of("t1").getSnapshot().messages;
    expect(failed).toMatchObject({ content: "bad", state: "failed", error: { message: "Too long" } });
    expect(await kept()).toEqual(["bad"]);
  });

  it("is tried again on request", async () => {
    await expect(outbox.send("t1", "bad")).rejects.toThrow();
    store();
    const key = conversations.histories.of("t1").getSnapshot().messages[0]?.key ?? "";
    outbox.retry(key);
    expect(shown()).toEqual([["bad", "sending"]]);
    await vi.waitFor(async () => expect(await kept()).toEqual([]));
    expect(shown()).toEqual([["bad", "sent"]]);
    outbox.retry(key);
    expect(sent()).toEqual(["bad", "bad"]);
  });

  it("is given up on request", async () => {
    await expect(outbox.send("t1", "bad")).rejects.toThrow();
    outbox.discard(conversations.histories.of("t1").getSnapshot().messages[0]?.key ?? "");
    expect(shown()).toEqual([]);
    expect(await kept()).toEqual([]);
  });
});

describe("after a reload", () => {
  beforeEach(async () => {
    line.isWhole = false;
    void outbox.send("t1", "one");
    void outbox.send("t1", "two");
    await vi.advanceTimersByTimeAsync(0);
    line.isWhole = true;
    outbox = createOutbox();
  });

  it("what waited is shown and sent, in order", async () => {
    store();
    await outbox.restore();
    expect(shown()).toEqual([
      ["one", "sending"],
      ["two", "sending"],
    ]);
    outbox.flush();
    await vi.waitFor(async () => expect(await kept()).toEqual([]));
    expect(sent()).toEqual(["one", "two"]);
  });

  it("what had failed still has", async () => {
    const [first] = await storage.all(ME);
    if (first !== undefined) await storage.put({ ...first, error: { code: "forbidden", message: "No" } });
    await outbox.restore();
    expect(shown()[0]).toEqual(["one", "failed"]);
    expect(conversations.histories.of("t1").getSnapshot().messages[0]?.error).toMatchObject({ code: "forbidden" });
  });

  it("two tabs do not send the same, with the lock of the browser", async () => {
    const locked: string[] = [];
    vi.stubGlobal("navigator", {
      locks: {
        request: async (name: string, act: () => Promise<unknown>) => {
          locked.push(name);
          return act();
        },
      },
    });
    await outbox.restore();
    // The other tab was quicker.
    for (const entry of await storage.all(ME)) await storage.remove(entry.clientMessageId);
    outbox.flush();
    await vi.waitFor(() => expect(shown()).toEqual([]));
    expect(caughtUp).toHaveBeenCalledWith(["t1"]);
    expect(locked[0]).toBe("vh:outbox:1:t1");
    expect(sent()).toEqual([]);
  });

  it("what another tab sent stays, as soon as it has arrived", async () => {
    await load();
    await outbox.restore();
    const entries = await storage.all(ME);
    for (const { clientMessageId } of entries) await storage.remove(clientMessageId);
    caughtUp.mockImplementation(async () => {
      entries.forEach(({ clientMessageId, content }, index) => {
        conversations.take(aMessage({ seq: index + 1, content, sender_id: ME, client_message_id: clientMessageId }));
      });
    });
    outbox.flush();
    await vi.waitFor(() =>
      expect(shown()).toEqual([
        ["one", "sent"],
        ["two", "sent"],
      ]),
    );
    expect(sent()).toEqual([]);
  });

  it("another person's messages stay where they are", async () => {
    conversations.me.set(2);
    await outbox.restore();
    expect(shown()).toEqual([]);
    expect(await kept()).toEqual(["one", "two"]);
  });
});

it("ends without a trace, but for what is on the device", async () => {
  line.isWhole = false;
  const send = expect(outbox.send("t1", "Hola")).rejects.toMatchObject({ code: "offline" });
  await vi.advanceTimersByTimeAsync(0);
  outbox.clear();
  await send;
  expect(await kept()).toEqual(["Hola"]);
  expect(vi.getTimerCount()).toBe(0);
  line.isWhole = true;
  outbox.flush();
  await vi.advanceTimersByTimeAsync(0);
  expect(sent()).toEqual([]);
});

it("takes nothing before it knows who we are", async () => {
  conversations.me.set(null);
  await expect(outbox.send("t1", "Hola")).rejects.toMatchObject({ code: "offline" });
});
