// @vitest-environment node
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { aThread, ME } from "../testing/factories";
import { createFakeLine, type FakeLine } from "../testing/fakeLine";
import { createFakeVisibility } from "../testing/fakeVisibility";
import { Conversations } from "./conversations";
import { Heartbeat } from "./heartbeat";

let line: FakeLine;
let conversations: Conversations;
const visibility = createFakeVisibility();
const lookouts = {
  catchUp: { threads: vi.fn(async () => {}) },
  threads: { checkNewest: vi.fn(async () => {}) },
  notifications: { catchUp: vi.fn(async () => {}) },
};
let heartbeat: Heartbeat;
beforeEach(() => {
  vi.useFakeTimers();
  vi.clearAllMocks();
  visibility.show();
  line = createFakeLine();
  conversations = new Conversations(line.ask);
  conversations.me.set(ME);
  heartbeat = new Heartbeat(line, conversations, lookouts, visibility);
});
afterEach(() => {
  vi.useRealTimers();
});

it("says that we are here: at once, at the interval, and whenever the page comes into sight or leaves it", () => {
  heartbeat.start(30);
  visibility.hide();
  vi.advanceTimersByTime(30_000);
  visibility.show();
  expect(line.requests("heartbeat").map(({ visible }) => visible)).toEqual([true, false, false, true]);
  heartbeat.stop();
  visibility.hide();
  expect(line.requests("heartbeat")).toHaveLength(4);
  expect(vi.getTimerCount()).toBe(0);
});

it("compares revisions of the most recent hundred threads, and catches up where it is behind", async () => {
  for (let n = 1; n <= 120; n += 1) {
    const minute = String(n % 60).padStart(2, "0");
    conversations.adopt(
      aThread({ id: `t${n}`, rev: n, activity_at: `2026-11-24T1${Math.floor(n / 60)}:${minute}:00.000Z` }),
    );
  }
  line.answer("ping", () => ({ behind: ["t120"] }));
  heartbeat.start(30);
  await vi.advanceTimersByTimeAsync(30_000);
  const heads = line.requests("ping")[0]?.heads ?? {};
  expect(Object.keys(heads)).toHaveLength(100);
  expect(heads.t120).toBe(120);
  expect(heads.t1).toBeUndefined();
  expect(lookouts.catchUp.threads).toHaveBeenCalledWith(["t120"]);
  heartbeat.stop();
});

it("looks for new threads and notifications at the interval, as long as there is a connection", async () => {
  line.answer("ping", () => ({ behind: [] }));
  heartbeat.start(30);
  expect(lookouts.threads.checkNewest).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(lookouts.threads.checkNewest).toHaveBeenCalledOnce();
  expect(lookouts.notifications.catchUp).toHaveBeenCalledOnce();
  line.go();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(line.requests("ping")).toHaveLength(1);
  expect(lookouts.threads.checkNewest).toHaveBeenCalledOnce();
  expect(lookouts.notifications.catchUp).toHaveBeenCalledOnce();
  heartbeat.stop();
});
