import { useEffect, useRef, useState } from "react";
import { useI18n } from "../../i18n";
import type { ChatMessage } from "../../services/types";

/** More than this at once (after a reconnection) are told by their number alone. */
const TOLD_MOST = 3;
const LONGEST = 200;

/** What a live region says; `id` changes with each announcement, also if the words are the same. */
export interface Announcement {
  readonly id: number;
  readonly text: string;
}

function newestSeq(messages: readonly ChatMessage[]): number {
  return messages.reduce((newest, message) => Math.max(newest, message.seq ?? 0), 0);
}

function shorten(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/**
 * Words for others' messages that arrive while a thread is open: nothing for what was there when it was opened, for
 * pages that were scrolled to, and for one's own.
 */
export function useArrivals(messages: readonly ChatMessage[], hasMoreAfter: boolean): Announcement {
  const { chat } = useI18n();
  const [said, setSaid] = useState<Announcement>({ id: 0, text: "" });
  const known = useRef<{ seq: number; isLatest: boolean } | null>(null);

  useEffect(() => {
    const before = known.current;
    const seq = newestSeq(messages);
    known.current = { seq, isLatest: !hasMoreAfter };
    if (!before?.isLatest || hasMoreAfter || seq <= before.seq) return;
    const arrived = messages.filter((message) => !message.mine && message.seq !== null && message.seq > before.seq);
    if (arrived.length === 0) return;
    const { history, message } = chat;
    const text =
      arrived.length > TOLD_MOST
        ? history.arrivals(arrived.length)
        : arrived.map((one) => history.arrival(one.sender_name ?? message.system, shorten(one.content))).join("\n");
    setSaid((last) => ({ id: last.id + 1, text }));
  }, [messages, hasMoreAfter, chat]);

  return said;
}
