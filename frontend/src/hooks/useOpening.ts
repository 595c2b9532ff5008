import { useMemo, useState } from "react";
import type { ChatMessage, HistoryCursor, HistoryState } from "../services/types";
import type { Thread, UserId } from "../types/generated/contract";
import { PAGE_SIZE } from "./stretch";
import { useMe } from "./useMe";

/** How a thread stood at the moment when it was opened. */
export interface Opening {
  readonly threadId: string;
  /** Where its messages start to be shown. */
  readonly cursor: HistoryCursor;
  /** Up to where we had read; null if everything was. */
  readonly readSeq: number | null;
}

function readSeqOf(thread: Thread, me: UserId): number | null {
  if (thread.unread_count === 0) return null;
  const own = thread.participants.find((participant) => String(participant.user_id) === String(me));
  // Of a large thread not everyone is listed.
  return own?.read_seq ?? thread.last_seq - thread.unread_count;
}

function openingOf(thread: Thread, me: UserId, aroundSeq: number | undefined): Opening {
  const readSeq = readSeqOf(thread, me);
  const many = readSeq !== null && thread.unread_count > PAGE_SIZE;
  const seq = aroundSeq ?? (many ? readSeq + 1 : undefined);
  return { threadId: thread.id, cursor: seq === undefined ? {} : { around_seq: seq }, readSeq };
}

/**
 * The opening of the thread that is shown, the same until another one is; null while the thread is not known. Another
 * `aroundSeq` gives another cursor, none leaves it.
 */
export function useOpening(
  threadId: string,
  thread: Thread | undefined,
  aroundSeq: number | undefined,
): Opening | null {
  const me = useMe();
  const [kept, keep] = useState<{ opening: Opening; aroundSeq: number | undefined } | null>(null);
  const current = kept?.opening.threadId === threadId ? kept : null;
  let next = current;
  if (!current && thread?.id === threadId && me !== null) {
    next = { opening: openingOf(thread, me, aroundSeq), aroundSeq };
  } else if (current && current.aroundSeq !== aroundSeq) {
    const cursor = aroundSeq === undefined ? current.opening.cursor : { around_seq: aroundSeq };
    next = { opening: { ...current.opening, cursor }, aroundSeq };
  }
  if (next !== current) keep(next);
  return next?.opening ?? null;
}

function isUnread(message: ChatMessage, readSeq: number): boolean {
  return message.seq !== null && message.seq > readSeq && !message.mine;
}

/**
 * The message above which "unread" is written: the first of someone else's after what we had read when the thread was
 * opened. null if there was none.
 */
export function useFirstUnreadSeq(opening: Opening | null, state: HistoryState): number | null {
  const { messages, hasMoreBefore, hasMoreAfter } = state;
  return useMemo(() => {
    if (!opening || opening.readSeq === null) return null;
    const { readSeq } = opening;
    const first = messages[0]?.seq ?? null;
    const beginsLater = hasMoreBefore && first !== null && first > readSeq + 1;
    const found = messages.find((message) => isUnread(message, readSeq));
    if (found && !beginsLater) return found.seq;
    return beginsLater || hasMoreAfter || messages.length === 0 ? readSeq + 1 : null;
  }, [opening, messages, hasMoreBefore, hasMoreAfter]);
}
