import { useEffect, useMemo } from "react";
import { useRealtimeClient } from "../../hooks/context";
import { useMe } from "../../hooks/useMe";
import { usePresence } from "../../hooks/usePresence";
import { useThreads } from "../../hooks/useThreads";
import { useTypingUsers } from "../../hooks/useTypingUsers";
import type { TypingUser } from "../../services/types";
import type { Thread, UserId } from "../../types/generated/contract";
import { ThreadList } from "./ThreadList";
import { counterpart, sameUser } from "./threadSummary";

/** Which thread is open, and what happens when one is chosen. */
export interface RealTimeMessageListProps {
  readonly selectedThreadId?: string | undefined;
  readonly onSelectThread: (threadId: string) => void;
  /** With it there is a button to begin one. */
  readonly onNewConversation?: (() => void) | undefined;
}

/** In so many of the newest threads one sees who is typing. */
const HEARD_MOST = 15;

/** The inbox, live: the signed-in person's threads with what is new in them. */
export function RealTimeMessageList(props: RealTimeMessageListProps) {
  const { selectedThreadId, onSelectThread, onNewConversation } = props;
  const me = useMe();
  const { threads, status, error, hasMore, isLoadingMore, loadMore, reload } = useThreads();
  const presences = usePresence(counterparts(threads, me));
  const typists = useTypingUsers();
  const typing = useMemo(() => namesByThread(typists, me), [typists, me]);
  return (
    <>
      {threads.slice(0, HEARD_MOST).map(({ id }) => (
        <Heard key={id} threadId={id} />
      ))}
      <ThreadList
        threads={threads}
        me={me}
        selectedThreadId={selectedThreadId}
        presences={presences}
        typing={typing}
        onSelect={onSelectThread}
        status={status}
        errorMessage={error?.message ?? null}
        hasMore={hasMore}
        isLoadingMore={isLoadingMore}
        onLoadMore={loadMore}
        onReload={reload}
        onNewConversation={onNewConversation}
      />
    </>
  );
}

/** Hears who types in a thread; one component each, so that a new order of the list joins and leaves nothing. */
function Heard({ threadId }: { readonly threadId: string }) {
  const client = useRealtimeClient();
  useEffect(() => client.join(threadId), [client, threadId]);
  return null;
}

function counterparts(threads: readonly Thread[], me: UserId | null): UserId[] {
  const ids = threads.map((thread) => counterpart(thread, me)?.user_id);
  return [...new Set(ids.filter((id) => id !== undefined))];
}

function namesByThread(typists: readonly TypingUser[], me: UserId | null): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const { threadId, userId, userName } of typists) {
    if (!sameUser(userId, me)) names.set(threadId, [...(names.get(threadId) ?? []), userName]);
  }
  return names;
}
