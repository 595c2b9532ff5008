// @vitest-environment node
import { describe, expect, it } from "vitest";
import { aParticipant, aThread, ME, OTHER } from "../testing/factories";
import { floorsOf, isSameUser, NO_FLOORS, stateOf, withPosition } from "./receipts";

const me = aParticipant({ user_id: ME, read_seq: 9, delivered_seq: 9 });

it("takes both forms of a user id for the same", () => {
  expect(isSameUser(1, "1")).toBe(true);
  expect(isSameUser(1, 2)).toBe(false);
  expect(isSameUser(null, null)).toBe(false);
});

describe("floorsOf", () => {
  it("is how far the slowest of the others is, and reading is receiving", () => {
    const participants = [
      me,
      aParticipant({ user_id: 2, read_seq: 5, delivered_seq: 4 }),
      aParticipant({ user_id: 3, read_seq: 3, delivered_seq: 8 }),
    ];
    expect(floorsOf(aThread({ participants }), ME)).toEqual({ read: 3, delivered: 5 });
  });

  it("says nothing of a thread with nobody else, or of one that is too large to list", () => {
    expect(floorsOf(aThread({ participants: [me] }), ME)).toEqual(NO_FLOORS);
    const participants = [me, aParticipant({ read_seq: 5 })];
    expect(floorsOf(aThread({ participants, participant_count: 200 }), ME)).toEqual(NO_FLOORS);
  });
});

it("shows the ticks by the floors, or by the server's word", () => {
  const floors = { read: 3, delivered: 5 };
  expect([3, 4, 6].map((seq) => stateOf(seq, false, floors))).toEqual(["read", "delivered", "sent"]);
  expect(stateOf(6, true, floors)).toBe("read");
});

describe("withPosition", () => {
  it("moves forward only, and keeps the thread where nothing moves", () => {
    const thread = aThread({ participants: [me, aParticipant({ read_seq: 5, delivered_seq: 6 })] });
    expect(withPosition(thread, { user_id: OTHER, read_seq: 4, delivered_seq: 6 })).toBe(thread);
    expect(withPosition(thread, { user_id: 77, read_seq: 4 })).toBe(thread);
    const moved = withPosition(thread, { user_id: "2", read_seq: 8, read_at: "2026-11-24T13:00:00.000Z" });
    expect(moved.participants[1]).toMatchObject({ read_seq: 8, delivered_seq: 8, read_at: "2026-11-24T13:00:00.000Z" });
    expect(moved.participants[0]).toBe(me);
  });
});
