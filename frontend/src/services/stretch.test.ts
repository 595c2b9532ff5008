// @vitest-environment node
import { describe, expect, it } from "vitest";
import { aChatMessage } from "../testing/factories";
import { at, EMPTY, join, lastSeq, type Stretch, withFloors, withMessage } from "./stretch";

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

function stretch(from: number, to: number, changes: Partial<Stretch> = {}): Stretch {
  const messages = range(from, to).map((seq) => aChatMessage({ seq, mine: seq % 2 === 0 }));
  return { messages, hasMoreBefore: from > 1, hasMoreAfter: false, ...changes };
}

const seqs = (held: Stretch | null) => held?.messages.map(({ seq }) => seq);

describe("withMessage", () => {
  it("appends what follows and refuses what lies beyond a gap", () => {
    expect(seqs(withMessage(stretch(3, 5), aChatMessage({ seq: 6 })))).toEqual([3, 4, 5, 6]);
    expect(withMessage(stretch(3, 5), aChatMessage({ seq: 7 }))).toBeNull();
    expect(seqs(withMessage(EMPTY, aChatMessage({ seq: 1 })))).toEqual([1]);
    expect(withMessage(EMPTY, aChatMessage({ seq: 2 }))).toBeNull();
  });

  it("leaves a stretch alone that holds the message, or does not reach the latest", () => {
    const held = stretch(3, 5);
    expect(withMessage(held, aChatMessage({ seq: 4 }))).toBe(held);
    expect(withMessage(held, aChatMessage({ seq: 1 }))).toBe(held);
    const older = stretch(3, 5, { hasMoreAfter: true });
    expect(withMessage(older, aChatMessage({ seq: 6 }))).toBe(older);
  });

  it("takes over that a message was read", () => {
    const next = withMessage(stretch(3, 5), aChatMessage({ seq: 4, is_read: true }));
    expect(next && at(next, 4)?.is_read).toBe(true);
  });
});

describe("join", () => {
  it("puts pages before and after", () => {
    const older = join(stretch(10, 12), stretch(7, 9, { hasMoreAfter: true }));
    expect(seqs(older)).toEqual(range(7, 12));
    expect(older).toMatchObject({ hasMoreBefore: true, hasMoreAfter: false });

    const newer = join(stretch(10, 12, { hasMoreAfter: true }), stretch(11, 15));
    expect(seqs(newer)).toEqual(range(10, 15));
    expect(newer).toMatchObject({ hasMoreBefore: true, hasMoreAfter: false });
  });

  it("keeps what it holds where both overlap", () => {
    const held = stretch(10, 12);
    const joined = join(held, stretch(9, 11, { hasMoreAfter: true }));
    expect(joined.messages[1]).toBe(held.messages[0]);
    expect(join(held, stretch(10, 12)).messages).toBe(held.messages);
  });

  it("is replaced by a page that does not touch it", () => {
    const far = stretch(50, 52);
    expect(join(stretch(10, 12), far)).toBe(far);
    expect(join(EMPTY, far)).toBe(far);
  });

  it("does not lose newer messages to an older answer", () => {
    const joined = join(stretch(10, 14), stretch(9, 12));
    expect(lastSeq(joined)).toBe(14);
    expect(joined.hasMoreAfter).toBe(false);
  });
});

describe("withFloors", () => {
  it("moves the ticks of one's own messages only, and touches nothing else", () => {
    const held = stretch(1, 8);
    const moved = withFloors(held, { read: 0, delivered: 0 }, { read: 4, delivered: 6 });
    expect(moved.messages.map(({ state }) => state)).toEqual([
      "sent",
      "read",
      "sent",
      "read",
      "sent",
      "delivered",
      "sent",
      "sent",
    ]);
    expect(moved.messages[0]).toBe(held.messages[0]);
    expect(moved.messages[7]).toBe(held.messages[7]);
    expect(withFloors(moved, { read: 4, delivered: 6 }, { read: 5, delivered: 7 })).toBe(moved);
  });
});

it("looks at few of ten thousand messages to place one", () => {
  let reads = 0;
  const messages = range(1, 10_000).map((seq) =>
    Object.defineProperty(aChatMessage(), "seq", {
      get: () => {
        reads += 1;
        return seq;
      },
    }),
  );
  const held = { messages, hasMoreBefore: false, hasMoreAfter: false };
  withMessage(held, aChatMessage({ seq: 10_001 }));
  withMessage(held, aChatMessage({ seq: 4_321 }));
  withFloors(held, { read: 9_990, delivered: 9_990 }, { read: 9_991, delivered: 9_991 });
  expect(reads).toBeLessThan(100);
});
