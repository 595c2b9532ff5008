import { useCallback, useEffect, useMemo } from "react";
import { handled } from "../services/failure";
import type { RealtimeClient, ThreadsState, TypingUser } from "../services/types";
import type { Message } from "../types/generated/contract";
import { useRealtimeClient } from "./context";
import { useIsOnline } from "./useIsOnline";
import { useSelection } from "./useStore";
import { useTypingUsers } from "./useTypingUsers";

/**
 * Messaging over all threads; always the same functions. What they promise may reject with a RealtimeFailure, which one
 * may look at, but need not.
 */
export interface RealTimeMessages {
  readonly isConnected: boolean;
  /** Resolves when the server has it. If it refuses, the message stands as failed in its thread. */
  sendMessage(threadId: string, content: string): Promise<Message>;
  /** Reads up to the newest of these, or all of the thread. */
  markMessagesAsRead(threadId: string, messageIds?: readonly string[]): Promise<void>;
  /** Call it on every keystroke. */
  startTyping(threadId: string): void;
  stopTyping(threadId: string): void;
  /** Who types now, in the joined threads. */
  readonly typingUsers: readonly TypingUser[];
  /** Unread messages in all threads. */
  readonly unreadCount: number;
  /** To hear who types in a thread: until one leaves by the function that it gives, or unmounts. */
  joinThread(threadId: string): () => void;
}

const totalUnread = (state: ThreadsState) => state.totalUnread;

/** The most that `mark_messages_read` takes. */
const MOST_IDS = 100;

async function markRead(client: RealtimeClient, threadId: string, ids: readonly string[] | undefined): Promise<void> {
  if (!ids) return client.markRead(threadId);
  const { messages } = client.history(threadId).getSnapshot();
  const loaded = messages.filter((message) => ids.includes(message.id));
  const newest = loaded.at(-1);
  if (newest && loaded.length === ids.length) return client.markRead(threadId, newest.id);
  // Which of them is the newest only the server knows.
  for (let from = 0; from < ids.length; from += MOST_IDS) {
    const [first, ...others] = ids.slice(from, from + MOST_IDS);
    if (first) await client.ask("mark_messages_read", { thread_id: threadId, message_ids: [first, ...others] });
  }
}

/** Threads that are joined, each once. */
function createJoins(client: RealtimeClient) {
  const joined = new Map<string, () => void>();
  return {
    join(threadId: string) {
      const leave = joined.get(threadId) ?? client.join(threadId);
      joined.set(threadId, leave);
      return () => {
        if (joined.get(threadId) !== leave) return;
        joined.delete(threadId);
        leave();
      };
    },
    leaveAll() {
      for (const leave of joined.values()) leave();
      joined.clear();
    },
  };
}

function useJoins(client: RealtimeClient): RealTimeMessages["joinThread"] {
  const joins = useMemo(() => createJoins(client), [client]);
  useEffect(() => joins.leaveAll, [joins]);
  return joins.join;
}

/** Sends, reads and types in any thread, and tells how many messages are unread. */
export function useRealTimeMessages(): RealTimeMessages {
  const client = useRealtimeClient();
  return {
    isConnected: useIsOnline(),
    sendMessage: useCallback((threadId, content) => handled(client.send(threadId, content)), [client]),
    markMessagesAsRead: useCallback((threadId, ids) => handled(markRead(client, threadId, ids)), [client]),
    startTyping: useCallback((threadId) => client.startTyping(threadId), [client]),
    stopTyping: useCallback((threadId) => client.stopTyping(threadId), [client]),
    typingUsers: useTypingUsers(),
    unreadCount: useSelection(client.threads, totalUnread),
    joinThread: useJoins(client),
  };
}
