// @vitest-environment node
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { aMessage, aThread, ME } from "../testing/factories";
import { createFakeLine, type FakeLine } from "../testing/fakeLine";
import { Conversations } from "./conversations";
import { Failure, offline } from "./failure";
import { Reading } from "./reading";

let line: FakeLine;
let conversations: Conversations;
let reading: Reading;
beforeEach(async () => {
  vi.useFakeTimers();
  line = createFakeLine();
  conversations = new Conversations(line.ask);
  conversations.me.set(ME);
  reading = new Reading(line, conversations);
  conversations.adopt(aThread());
  line.answer("get_history", () => ({ messages: [], has_more_before: false, has_more_after: false }));
  await conversations.histories.of("t1").load({});
  for (const seq of [1, 2, 3]) conversations.take(aMessage({ seq, rev: seq + 1 }));
  line.answer("mark_as_read", () => ({ thread_id: "t1", read_seq: 3, unread_count: 0 }));
});
afterEach(() => {
  vi.useRealTimers();
});

const unread = () => conversations.table.get("t1")?.unread_count;
const told = () => line.requests("mark_as_read");

it("shows at once that all is read, and tells it in one go", async () => {
  const first = reading.markRead("t1", "m1");
  expect(unread()).toBe(2);
  const all = reading.markRead("t1");
  expect(unread()).toBe(0);
  expect(told()).toEqual([]);
  await vi.advanceTimersByTimeAsync(150);
  await Promise.all([first, all]);
  expect(told()).toEqual([{ thread_id: "t1", message_id: "m3" }]);
});

it("never goes back, and does not tell what is known", async () => {
  void reading.markRead("t1", "m2");
  void reading.markRead("t1", "m1");
  expect(unread()).toBe(1);
  await vi.advanceTimersByTimeAsync(150);
  await reading.markRead("t1", "m1");
  await reading.markRead("t1", "m2");
  expect(told()).toEqual([{ thread_id: "t1", message_id: "m2" }]);
});

it("keeps it while there is no connection", async () => {
  line.isWhole = false;
  const read = reading.markRead("t1");
  await vi.advanceTimersByTimeAsync(150);
  expect(told()).toEqual([]);
  line.isWhole = true;
  reading.flush();
  await read;
  expect(told()).toHaveLength(1);
});

it("tries again what the server could not take just now", async () => {
  line.answer("mark_as_read", () => {
    throw new Failure("rate_limited", "Slowly", true);
  });
  const read = reading.markRead("t1");
  await vi.advanceTimersByTimeAsync(150);
  line.answer("mark_as_read", () => ({ thread_id: "t1", read_seq: 3, unread_count: 0 }));
  await vi.advanceTimersByTimeAsync(2_000);
  await read;
  expect(told()).toHaveLength(2);
});

it("rejects what is refused for good, and what waits at the end", async () => {
  line.answer("mark_as_read", () => {
    throw new Failure("not_found", "No", false);
  });
  const refused = expect(reading.markRead("t1")).rejects.toMatchObject({ code: "not_found" });
  await vi.advanceTimersByTimeAsync(150);
  await refused;
  conversations.take(aMessage({ seq: 4, rev: 5 }));
  const ended = expect(reading.markRead("t1")).rejects.toMatchObject({ code: offline().code });
  reading.clear();
  await ended;
  expect(vi.getTimerCount()).toBe(0);
});

it("asks the server about a message that it does not hold", async () => {
  await reading.markRead("t1", "m99");
  expect(told()).toEqual([{ thread_id: "t1", message_id: "m99" }]);
  await reading.markRead("unknown");
  expect(told()).toHaveLength(1);
});
