/** What a history shows, one entry a row: worked out from messages alone, so that it is tested alone. */
import type { ChatMessage } from "../../services/types";

/** Where a message stands among those that its sender wrote in one go. */
export type GroupPosition = "single" | "start" | "middle" | "end";

export type HistoryRow =
  | { readonly kind: "date"; readonly key: string; readonly at: string }
  | { readonly kind: "unread"; readonly key: "unread" }
  | { readonly kind: "system"; readonly key: string; readonly message: ChatMessage }
  | { readonly kind: "message"; readonly key: string; readonly message: ChatMessage; readonly position: GroupPosition };

export interface RowsInput {
  readonly messages: readonly ChatMessage[];
  /** Where the unread separator stands. */
  readonly firstUnreadSeq: number | null;
  /**
   * Whether there are older messages than these. If so the oldest is not shown: it only tells whether the second begins
   * a day or a group, so that nothing that is shown changes when an older page comes.
   */
  readonly hasMoreBefore: boolean;
}

/** Messages of one sender belong together if each follows the one before within this time. */
export const GROUP_MS = 5 * 60_000;

interface Moment {
  readonly ms: number;
  readonly day: string;
}

const moments = new WeakMap<ChatMessage, Moment>();

function momentOf(message: ChatMessage): Moment {
  const known = moments.get(message);
  if (known) return known;
  const date = new Date(message.sent_at);
  const moment = { ms: date.getTime(), day: `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}` };
  moments.set(message, moment);
  return moment;
}

function isSystem(message: ChatMessage): boolean {
  return message.kind === "system" || message.sender_id === null;
}

function beginsDay(previous: ChatMessage | undefined, message: ChatMessage): boolean {
  return !previous || momentOf(previous).day !== momentOf(message).day;
}

/** The first at or after the position, and not of one's own: those on their way have no position and are never it. */
function beginsUnread(previous: ChatMessage | undefined, message: ChatMessage, firstUnreadSeq: number | null): boolean {
  if (firstUnreadSeq === null || message.seq === null || message.seq < firstUnreadSeq) return false;
  return previous ? previous.seq !== null && previous.seq < firstUnreadSeq : message.seq === firstUnreadSeq;
}

function joins(
  previous: ChatMessage | undefined,
  message: ChatMessage | undefined,
  firstUnreadSeq: number | null,
): boolean {
  if (!previous || !message || isSystem(previous) || isSystem(message)) return false;
  if (String(previous.sender_id) !== String(message.sender_id)) return false;
  if (beginsDay(previous, message) || beginsUnread(previous, message, firstUnreadSeq)) return false;
  return Math.abs(momentOf(message).ms - momentOf(previous).ms) <= GROUP_MS;
}

function positionOf(joinsPrevious: boolean, joinsNext: boolean): GroupPosition {
  if (joinsPrevious) return joinsNext ? "middle" : "end";
  return joinsNext ? "start" : "single";
}

/** The rows of a stretch of messages, oldest first. */
export function toRows({ messages, firstUnreadSeq, hasMoreBefore }: RowsInput): HistoryRow[] {
  const rows: HistoryRow[] = [];
  const first = hasMoreBefore && messages.length > 1 ? 1 : 0;
  for (let index = first; index < messages.length; index++) {
    const message = messages[index];
    if (!message) continue;
    const previous = messages[index - 1];
    if (beginsDay(previous, message)) {
      rows.push({ kind: "date", key: `date:${momentOf(message).day}`, at: message.sent_at });
    }
    if (beginsUnread(previous, message, firstUnreadSeq)) rows.push({ kind: "unread", key: "unread" });
    if (isSystem(message)) {
      rows.push({ kind: "system", key: message.key, message });
      continue;
    }
    const joinsPrevious = joins(previous, message, firstUnreadSeq);
    const joinsNext = joins(message, messages[index + 1], firstUnreadSeq);
    rows.push({ kind: "message", key: message.key, message, position: positionOf(joinsPrevious, joinsNext) });
  }
  return rows;
}

/** The message of a row; separators have none. */
export function messageOf(row: HistoryRow | undefined): ChatMessage | null {
  return row && (row.kind === "message" || row.kind === "system") ? row.message : null;
}

function indexOfSeq(rows: readonly HistoryRow[], seq: number): number {
  return rows.findIndex((row) => messageOf(row)?.seq === seq);
}

/** Where a history opens: at the message asked for, at what is unread, or (-1) at its end. */
export function openingIndex(rows: readonly HistoryRow[], targetSeq: number | null): number {
  const target = targetSeq === null ? -1 : indexOfSeq(rows, targetSeq);
  return target >= 0 ? target : rows.findIndex((row) => row.kind === "unread");
}

/** A row's likely height in px, before it is measured: the nearer, the steadier the scrollbar. */
export function estimateRow(row: HistoryRow | undefined, width: number): number {
  if (!row || row.kind === "date" || row.kind === "unread") return 48;
  if (row.kind === "system") return 44;
  const perLine = Math.max(18, Math.min(62, (width * 0.75) / 7.6));
  let lines = 0;
  for (const line of row.message.content.split("\n")) lines += Math.max(1, Math.ceil(line.length / perLine));
  return lines * 21 + 18 + (row.position === "middle" || row.position === "end" ? 2 : 10);
}
