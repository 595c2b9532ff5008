import { useCallback } from "react";
import { handled } from "../services/failure";
import type { RealtimeFailure, ThreadsState } from "../services/types";
import type { Operations, Thread } from "../types/generated/contract";
import { useRealtimeClient } from "./context";
import { queryKeys } from "./queryKeys";
import { useLiveList } from "./useLiveList";

/** A person's threads, newest activity first. */
export interface ThreadsResult extends ThreadsState {
  readonly error: RealtimeFailure | null;
  readonly isLoadingMore: boolean;
  loadMore(): void;
  /** Loads the list again, after an error. */
  reload(): void;
  /** Opens a thread, or finds the direct one that exists. Rejects with a RealtimeFailure. */
  createThread(request: Operations["create_thread"]["request"]): Promise<Thread>;
}

/** The person's threads, live. */
export function useThreads(): ThreadsResult {
  const { threads } = useRealtimeClient();
  const { state, ...list } = useLiveList(threads, queryKeys.threads());
  const createThread = useCallback<ThreadsResult["createThread"]>(
    (request) => handled(threads.create(request)),
    [threads],
  );
  return { ...state, ...list, createThread };
}
