// @vitest-environment node
import { beforeEach, expect, it, vi } from "vitest";
import { aPresence } from "../testing/factories";
import { createFakeLine, type FakeLine } from "../testing/fakeLine";
import { PresenceService } from "./presence";

let line: FakeLine;
let presence: PresenceService;
beforeEach(() => {
  line = createFakeLine();
  line.answer("get_presence", ({ user_ids }) => ({ users: user_ids.map((user_id) => aPresence({ user_id })) }));
  presence = new PresenceService(line);
});

const state = (userId: number) => presence.getSnapshot().users.get(String(userId))?.state;

it("asks once for all of a tick, and for nobody twice", async () => {
  presence.ensure([2, 3]);
  presence.ensure([3, 4]);
  await vi.waitFor(() => expect(state(4)).toBe("online"));
  presence.ensure([2, 4]);
  await Promise.resolve();
  expect(line.requests("get_presence")).toEqual([{ user_ids: [2, 3, 4] }]);
});

it("follows what the server tells, and keeps the snapshot where that is nothing new", () => {
  presence.hear(aPresence({ user_id: 9, state: "away" }));
  expect(state(9)).toBe("away");
  const before = presence.getSnapshot();
  presence.hear(aPresence({ user_id: 9, state: "away" }));
  expect(presence.getSnapshot()).toBe(before);
});

it("waits for a connection, and asks again on a new one for everyone it shows", async () => {
  line.isWhole = false;
  presence.ensure([2]);
  presence.hear(aPresence({ user_id: 9 }));
  await Promise.resolve();
  expect(line.asked).toEqual([]);
  line.isWhole = true;
  line.answer("get_presence", () => ({ users: [aPresence({ user_id: 9, state: "offline", is_online: false })] }));
  presence.refresh();
  await vi.waitFor(() => expect(state(9)).toBe("offline"));
  expect(line.requests("get_presence")).toEqual([{ user_ids: [2, 9] }]);
});

it("asks for five hundred at a time", async () => {
  presence.ensure(Array.from({ length: 700 }, (_, index) => index + 1));
  await vi.waitFor(() => expect(state(700)).toBe("online"));
  expect(line.requests("get_presence").map(({ user_ids }) => user_ids.length)).toEqual([500, 200]);
});
