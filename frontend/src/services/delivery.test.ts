// @vitest-environment node
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { aParticipant, aThread, ME } from "../testing/factories";
import { createFakeLine, type FakeLine } from "../testing/fakeLine";
import { Conversations } from "./conversations";
import { Delivery } from "./delivery";
import { offline } from "./failure";

let line: FakeLine;
let conversations: Conversations;
let delivery: Delivery;
beforeEach(() => {
  vi.useFakeTimers();
  line = createFakeLine();
  line.answer("mark_delivered", ({ thread_id, seq }) => ({ thread_id, delivered_seq: seq }));
  conversations = new Conversations(line.ask);
  conversations.me.set(ME);
  conversations.adopt(aThread({ participants: [aParticipant({ user_id: ME, read_seq: 2, delivered_seq: 3 })] }));
  delivery = new Delivery(line, conversations);
});
afterEach(() => {
  vi.useRealTimers();
});

const told = () => line.requests("mark_delivered");

it("tells the last of a burst, thread by thread", async () => {
  for (const seq of [4, 6, 5]) delivery.note({ threadId: "t1", seq });
  delivery.note({ threadId: "t2", seq: 1 });
  expect(told()).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  expect(told()).toEqual([
    { thread_id: "t1", seq: 6 },
    { thread_id: "t2", seq: 1 },
  ]);
  expect(vi.getTimerCount()).toBe(0);
});

it("tells nothing that the server knows, or was told already", async () => {
  delivery.note({ threadId: "t1", seq: 3 });
  delivery.note({ threadId: "t1", seq: 5 });
  await vi.advanceTimersByTimeAsync(200);
  delivery.note({ threadId: "t1", seq: 5 });
  await vi.advanceTimersByTimeAsync(200);
  expect(told()).toHaveLength(1);
});

it("keeps it for the next connection, also what was on its way", async () => {
  line.answer("mark_delivered", () => Promise.reject(offline()));
  delivery.note({ threadId: "t1", seq: 4 });
  await vi.advanceTimersByTimeAsync(200);
  line.isWhole = false;
  delivery.lost();
  delivery.note({ threadId: "t1", seq: 5 });
  await vi.advanceTimersByTimeAsync(200);
  expect(told()).toEqual([{ thread_id: "t1", seq: 4 }]);
  line.isWhole = true;
  delivery.flush();
  expect(told().at(-1)).toEqual({ thread_id: "t1", seq: 5 });
});
