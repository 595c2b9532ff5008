import { useQuery } from "@tanstack/react-query";
import { useCallback } from "react";
import type { RealtimeFailure, ThreadsState } from "../services/types";
import type { Thread } from "../types/generated/contract";
import { useRealtimeClient } from "./context";
import { queryDefaults } from "./queryDefaults";
import { queryKeys } from "./queryKeys";
import { useIsOnline } from "./useIsOnline";
import { useSelection } from "./useStore";

/** A thread without its messages. */
export interface ThreadRecord {
  readonly thread: Thread | undefined;
  readonly error: RealtimeFailure | null;
  reload(): void;
}

const isLoadingList = (state: ThreadsState) => state.status === "loading";

/** One thread, live; fetched if it is not in the list (a deep link). */
export function useThreadRecord(threadId: string): ThreadRecord {
  const { threads } = useRealtimeClient();
  const select = useCallback(() => threads.get(threadId), [threads, threadId]);
  const known = useSelection(threads, select);
  // The list, which is on its way, will most likely have it.
  const listIsLoading = useSelection(threads, isLoadingList);
  const isOnline = useIsOnline();
  const { data, error, refetch } = useQuery<Thread, RealtimeFailure>({
    ...queryDefaults,
    queryKey: queryKeys.thread(threadId),
    queryFn: () => threads.fetch(threadId),
    initialData: known,
    enabled: isOnline && !known && !listIsLoading,
  });
  const reload = useCallback(() => void refetch({ cancelRefetch: false }), [refetch]);
  const thread = known ?? data;
  return { thread, error: thread ? null : error, reload };
}
