import { describe, expect, it } from "vitest";
import type { ChatMessage } from "../../services/types";
import { aChatMessage } from "../../testing/factories";
import { estimateRow, GROUP_MS, type HistoryRow, toRows } from "./rows";

const NOON = new Date(2026, 10, 24, 12, 0).getTime();
const MINUTE = 60_000;

function at(seq: number, ms: number, changes: Partial<ChatMessage> = {}): ChatMessage {
  return aChatMessage({ seq, sent_at: new Date(ms).toISOString(), ...changes });
}

function rowsOf(messages: readonly ChatMessage[], firstUnreadSeq: number | null = null, hasMoreBefore = false) {
  return toRows({ messages, firstUnreadSeq, hasMoreBefore });
}

function short(rows: readonly HistoryRow[]): string[] {
  return rows.map((row) => {
    if (row.kind === "message") return `${row.message.seq ?? "?"}:${row.position}`;
    return row.kind === "system" ? `system:${row.message.seq}` : row.kind;
  });
}

describe("toRows", () => {
  it("begins with the day", () => {
    expect(short(rowsOf([at(1, NOON)]))).toEqual(["date", "1:single"]);
    expect(rowsOf([])).toEqual([]);
  });

  it("groups what one sender wrote within five minutes of each other", () => {
    const rows = rowsOf([
      at(1, NOON),
      at(2, NOON + GROUP_MS),
      at(3, NOON + 2 * GROUP_MS),
      at(4, NOON + 3 * GROUP_MS + 1),
    ]);
    expect(short(rows)).toEqual(["date", "1:start", "2:middle", "3:end", "4:single"]);
  });

  it("parts groups where the sender changes, however an id is written", () => {
    const rows = rowsOf([
      at(1, NOON, { sender_id: 2 }),
      at(2, NOON, { sender_id: "2" }),
      at(3, NOON, { sender_id: 1, mine: true }),
    ]);
    expect(short(rows)).toEqual(["date", "1:start", "2:end", "3:single"]);
  });

  it("puts a separator and parts the group at midnight", () => {
    const midnight = new Date(2026, 10, 25).getTime();
    const rows = rowsOf([at(1, midnight - MINUTE), at(2, midnight + MINUTE)]);
    expect(short(rows)).toEqual(["date", "1:single", "date", "2:single"]);
    expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
  });

  it("stands system messages alone", () => {
    const rows = rowsOf([at(1, NOON), at(2, NOON, { kind: "system", sender_id: null }), at(3, NOON)]);
    expect(short(rows)).toEqual(["date", "1:single", "system:2", "3:single"]);
  });

  it("puts the unread separator once, before the first unread, and parts the group", () => {
    const messages = [at(1, NOON), at(2, NOON), at(3, NOON), at(4, NOON)];
    expect(short(rowsOf(messages, 3))).toEqual(["date", "1:start", "2:end", "unread", "3:start", "4:end"]);
    expect(short(rowsOf(messages, 1))).toEqual(["date", "unread", "1:start", "2:middle", "3:middle", "4:end"]);
  });

  it("has no unread separator where the first unread is not loaded", () => {
    expect(short(rowsOf([at(8, NOON), at(9, NOON)], 3))).not.toContain("unread");
    expect(short(rowsOf([at(1, NOON), at(2, NOON)], 3))).not.toContain("unread");
  });

  it("shows messages on their way in the group, and never as unread", () => {
    const mine = { mine: true, sender_id: 1 };
    const rows = rowsOf([at(1, NOON, mine), at(0, NOON, { ...mine, seq: null, key: "k", state: "sending" })], 2);
    expect(short(rows)).toEqual(["date", "1:start", "?:end"]);
  });

  it("keeps the oldest as context while there are older ones", () => {
    const rows = rowsOf([at(4, NOON), at(5, NOON + MINUTE)], null, true);
    expect(short(rows)).toEqual(["5:end"]);
  });

  it("shows the one message that is loaded, though there are older ones", () => {
    expect(short(rowsOf([at(5, NOON)], null, true))).toEqual(["date", "5:single"]);
  });

  it("leaves every row that was shown as it was when an older page comes", () => {
    const day = 24 * 60 * MINUTE;
    const messages = Array.from({ length: 60 }, (_, index) =>
      at(index + 1, NOON + index * 3 * MINUTE + Math.floor(index / 20) * day, { sender_id: index % 3 === 0 ? 1 : 2 }),
    );
    for (let from = 1; from < 50; from++) {
      const before = rowsOf(messages.slice(from), 40, true);
      const after = rowsOf(messages.slice(Math.max(0, from - 10)), 40, from > 10);
      expect(after.slice(-before.length)).toEqual(before);
    }
  });
});

describe("estimateRow", () => {
  it("takes longer texts and narrower windows for higher", () => {
    const row = (content: string) => rowsOf([at(1, NOON, { content })])[1];
    expect(estimateRow(row("word ".repeat(60)), 800)).toBeGreaterThan(estimateRow(row("word"), 800));
    expect(estimateRow(row("word ".repeat(60)), 320)).toBeGreaterThan(estimateRow(row("word ".repeat(60)), 800));
    expect(estimateRow(row("a\nb\nc"), 800)).toBeGreaterThan(estimateRow(row("abc"), 800));
  });
});
