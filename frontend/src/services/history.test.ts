// @vitest-environment node
import { beforeEach, describe, expect, it, vi } from "vitest";
import { aChatMessage, aMessage, ME } from "../testing/factories";
import { createFakeLine, type FakeLine } from "../testing/fakeLine";
import type { HistoryPage, Message } from "../types/generated/contract";
import { offline } from "./failure";
import { MessageHistory } from "./history";

const mine = (seq: number, key = `c${seq}`, changes: Partial<Message> = {}) =>
  aMessage({ seq, sender_id: ME, client_message_id: key, ...changes });
const page = (messages: Message[], changes: Partial<HistoryPage> = {}): HistoryPage => ({
  messages,
  has_more_before: false,
  has_more_after: false,
  ...changes,
});
const pending = (key: string) =>
  aChatMessage({ id: key, key, client_message_id: key, seq: null, mine: true, sender_id: ME, state: "sending" });

let line: FakeLine;
let known: number;
let stored: Message[];
let history: MessageHistory;
beforeEach(() => {
  line = createFakeLine();
  known = 0;
  stored = [];
  history = new MessageHistory("t1", {
    ask: line.ask,
    me: () => ME,
    lastSeq: () => known,
    stored: (message) => stored.push(message),
  });
});

const shown = () => history.getSnapshot().messages.map(({ key, seq, state }) => [key, seq, state]);
const seqs = () => history.getSnapshot().messages.map(({ seq }) => seq);

describe("loading", () => {
  it("is not loaded until the first page came, even an empty one", async () => {
    line.answer("get_history", () => page([]));
    expect(history.getSnapshot()).toMatchObject({ loaded: false, messages: [] });
    await history.load({});
    expect(history.getSnapshot()).toMatchObject({ loaded: true, messages: [], hasMoreBefore: false });
  });

  it("asks once for what two want", async () => {
    line.answer("get_history", () => page([aMessage({ seq: 1 })]));
    await Promise.all([history.load({}, 30), history.load({}, 30)]);
    expect(line.asked).toEqual([{ name: "get_history", request: { thread_id: "t1", limit: 30 } }]);
    await history.load({}, 30);
    expect(line.asked).toHaveLength(2);
  });

  it("joins older pages and keeps what it had", async () => {
    line.answer("get_history", ({ before_seq }) =>
      before_seq === undefined
        ? page([aMessage({ seq: 3 }), aMessage({ seq: 4 })], { has_more_before: true })
        : page([aMessage({ seq: 1 }), aMessage({ seq: 2 })], { has_more_after: true }),
    );
    await history.load({});
    const third = history.getSnapshot().messages[0];
    await history.load({ before_seq: 3 });
    expect(seqs()).toEqual([1, 2, 3, 4]);
    expect(history.getSnapshot()).toMatchObject({ hasMoreBefore: false, hasMoreAfter: false });
    expect(history.getSnapshot().messages[2]).toBe(third);
  });

  it("fetches what came while the first page was under way", async () => {
    line.answer("get_history", ({ after_seq }) => {
      if (after_seq !== undefined) return page([aMessage({ seq: 3 })]);
      known = 3;
      history.receive(aMessage({ seq: 3 }));
      return page([aMessage({ seq: 1 }), aMessage({ seq: 2 })]);
    });
    await history.load({});
    await vi.waitFor(() => expect(seqs()).toEqual([1, 2, 3]));
    expect(line.requests("get_history")).toHaveLength(2);
  });

  it("does not ask for ever for what the server does not have", async () => {
    known = 9;
    line.answer("get_history", ({ after_seq }) => page(after_seq === undefined ? [aMessage({ seq: 1 })] : []));
    await history.load({});
    await vi.waitFor(() => expect(line.requests("get_history")).toHaveLength(2));
    await Promise.resolve();
    expect(line.requests("get_history")).toHaveLength(2);
  });

  it("loads on the next connection what failed for want of one", async () => {
    line.answer("get_history", () => {
      throw offline();
    });
    await expect(history.load({ around_seq: 7 })).rejects.toMatchObject({ code: "offline" });
    line.answer("get_history", () => page([aMessage({ seq: 7 })], { has_more_before: true, has_more_after: true }));
    history.resume();
    await vi.waitFor(() => expect(seqs()).toEqual([7]));
    history.resume();
    expect(line.requests("get_history")).toHaveLength(2);
  });
});

describe("one's own messages", () => {
  beforeEach(async () => {
    line.answer("get_history", () => page([aMessage({ seq: 1 })]));
    await history.load({});
  });

  it("follow the stored ones while they are on their way, and keep their key", () => {
    history.setPending(pending("c2"));
    expect(shown()).toEqual([
      ["m1", 1, "sent"],
      ["c2", null, "sending"],
    ]);
    history.receive(mine(2));
    expect(shown()).toEqual([
      ["m1", 1, "sent"],
      ["c2", 2, "sent"],
    ]);
  });

  it("are shown once, whether the answer or the broadcast comes first, or both twice", () => {
    history.setPending(pending("c2"));
    history.receive(mine(2));
    history.receive(mine(2));
    expect(seqs()).toEqual([1, 2]);
  });

  it("are not taken for sent when someone else copies their client_message_id", () => {
    history.setPending(pending("c2"));
    history.receive(aMessage({ seq: 2, client_message_id: "c2" }));
    expect(shown()).toEqual([
      ["m1", 1, "sent"],
      ["m2", 2, "sent"],
      ["c2", null, "sending"],
    ]);
  });

  it("show as sent beyond a gap, and move to their place when it closes", () => {
    history.setPending(pending("c3"));
    expect(history.receive(mine(3))).toBe(false);
    expect(shown()).toEqual([
      ["m1", 1, "sent"],
      ["c3", 3, "sent"],
    ]);
    history.receive(aMessage({ seq: 2 }));
    history.receive(mine(3));
    expect(seqs()).toEqual([1, 2, 3]);
  });

  it("are recognised in a page, which settles them", async () => {
    history.setPending(pending("c2"));
    line.answer("get_history", () =>
      page([aMessage({ seq: 1 }), mine(2), aMessage({ seq: 3, client_message_id: "c9" })]),
    );
    await history.load({});
    expect(seqs()).toEqual([1, 2, 3]);
    expect(stored.map(({ client_message_id }) => client_message_id)).toEqual(["c2"]);
  });

  it("are not shown under an older stretch", async () => {
    history.setPending(pending("c9"));
    line.answer("get_history", () => page([aMessage({ seq: 50 })], { has_more_before: true, has_more_after: true }));
    await history.load({ around_seq: 50 });
    expect(seqs()).toEqual([50]);
  });

  it("get their ticks, and those of others do not", () => {
    history.receive(mine(2));
    history.receive(mine(3));
    const [first] = history.getSnapshot().messages;
    history.setFloors({ read: 2, delivered: 3 });
    expect(shown().map(([, , state]) => state)).toEqual(["sent", "read", "delivered"]);
    expect(history.getSnapshot().messages[0]).toBe(first);
    const before = history.getSnapshot();
    history.setFloors({ read: 2, delivered: 3 });
    expect(history.getSnapshot()).toBe(before);
  });
});

it("counts what is unread where it holds all of it", async () => {
  line.answer("get_history", () =>
    page([aMessage({ seq: 4 }), mine(5), aMessage({ seq: 6 })], { has_more_before: true }),
  );
  expect(history.covers(5)).toBe(false);
  await history.load({});
  expect(history.covers(3)).toBe(true);
  expect(history.covers(2)).toBe(false);
  expect([3, 4, 5, 6].map((seq) => history.countUnread(seq))).toEqual([2, 1, 1, 0]);
});

it("forgets everything, and an answer that comes later", async () => {
  let answer = (_: HistoryPage) => {};
  line.answer("get_history", () => new Promise((resolve) => (answer = resolve)));
  const load = history.load({});
  history.setPending(pending("c1"));
  history.reset();
  answer(page([aMessage()]));
  await load;
  expect(history.getSnapshot()).toEqual({ messages: [], loaded: false, hasMoreBefore: false, hasMoreAfter: false });
});
