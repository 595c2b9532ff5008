import { useCallback, useEffect, useMemo } from "react";
import { handled } from "../services/failure";
import type { ChatMessage, RealtimeFailure, TypingUser } from "../services/types";
import type { Message, Thread } from "../types/generated/contract";
import { useRealtimeClient } from "./context";
import { noteOpen } from "./openThreads";
import { useDraft } from "./useDraft";
import { useMessages } from "./useMessages";
import { useFirstUnreadSeq, useOpening } from "./useOpening";
import { useThreadRecord } from "./useThreadRecord";
import { useTypingUsers } from "./useTypingUsers";

/** How to open a thread. */
export interface ThreadOptions {
  /** Opens it around this message, for instance one that was searched for; a new value goes there. */
  readonly aroundSeq?: number | undefined;
}

/**
 * What one does in a thread; always the same functions for a thread. What they promise may reject with a
 * RealtimeFailure, which one may look at, but need not.
 */
export interface ThreadActions {
  /** Resolves when the server has it. If it refuses, the message stands as failed, to be tried again or discarded. */
  send(content: string): Promise<Message>;
  retry(key: string): void;
  discard(key: string): void;
  /** Reads up to a message, or everything. */
  markRead(messageId?: string): Promise<void>;
  /** Call it on every keystroke. */
  startTyping(): void;
  stopTyping(): void;
}

/** One conversation, live. */
export interface ThreadResult extends ThreadActions {
  /** undefined until it is known. */
  readonly thread: Thread | undefined;
  /** Ascending by seq, without a gap; those on their way last. */
  readonly messages: readonly ChatMessage[];
  /** True until the first messages came, unless that failed. */
  readonly isLoading: boolean;
  readonly error: RealtimeFailure | null;
  /** Tries again what failed. */
  reload(): void;
  readonly hasMoreBefore: boolean;
  readonly hasMoreAfter: boolean;
  readonly isLoadingBefore: boolean;
  readonly isLoadingAfter: boolean;
  loadBefore(): Promise<void>;
  loadAfter(): Promise<void>;
  /** Loads around a message, unless it is loaded. Resolves when it is there to scroll to. */
  jumpTo(seq: number): Promise<void>;
  jumpToLatest(): Promise<void>;
  /** The first message that was unread when the thread was opened; the same until another thread is. */
  readonly firstUnreadSeq: number | null;
  readonly typingUsers: readonly TypingUser[];
  readonly draft: string;
  setDraft(text: string): void;
}

function useThreadActions(threadId: string): ThreadActions {
  const client = useRealtimeClient();
  return useMemo(
    () => ({
      send: (content) => handled(client.send(threadId, content)),
      retry: (key) => client.retry(key),
      discard: (key) => client.discard(key),
      markRead: (messageId) => handled(client.markRead(threadId, messageId)),
      startTyping: () => client.startTyping(threadId),
      stopTyping: () => client.stopTyping(threadId),
    }),
    [client, threadId],
  );
}

/** Hears who types in the thread while it is open, and has no alerts for it. */
function useJoined(threadId: string): void {
  const client = useRealtimeClient();
  useEffect(() => client.join(threadId), [client, threadId]);
  useEffect(() => noteOpen(client, threadId), [client, threadId]);
}

/**
 * A conversation: its messages, and everything that is done in it. Opens at the latest messages, around the first unread
 * one if more than a page is unread, or around `aroundSeq`.
 */
export function useThread(threadId: string, { aroundSeq }: ThreadOptions = {}): ThreadResult {
  const record = useThreadRecord(threadId);
  const opening = useOpening(threadId, record.thread, aroundSeq);
  const messages = useMessages(threadId, opening?.cursor ?? null);
  const { show, reload: reloadMessages, loaded, ...shown } = messages;
  const [draft, setDraft] = useDraft(threadId);
  useJoined(threadId);

  const { reload: reloadRecord } = record;
  const isUnknown = record.error !== null;
  const reload = useCallback(() => {
    if (isUnknown) reloadRecord();
    else void reloadMessages();
  }, [isUnknown, reloadRecord, reloadMessages]);
  const error = record.error ?? messages.error;
  return {
    ...shown,
    ...useThreadActions(threadId),
    thread: record.thread,
    isLoading: !loaded && error === null,
    error,
    reload,
    jumpTo: useCallback((seq: number) => show({ around_seq: seq }), [show]),
    jumpToLatest: useCallback(() => show({}), [show]),
    firstUnreadSeq: useFirstUnreadSeq(opening, messages),
    typingUsers: useTypingUsers(threadId),
    draft,
    setDraft,
  };
}
