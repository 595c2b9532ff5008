import { type QueryKey, useInfiniteQuery } from "@tanstack/react-query";
import { useCallback } from "react";
import type { RealtimeFailure, Store } from "../services/types";
import { queryDefaults } from "./queryDefaults";
import { useStore } from "./useStore";

interface ListState {
  readonly status: "loading" | "ready" | "error";
  readonly error: RealtimeFailure | null;
  readonly hasMore: boolean;
}

interface List<State extends ListState> extends Store<State> {
  loadMore(): Promise<void>;
  reload(): Promise<void>;
}

type Page = "first" | "more";

/** What every list that a store loads by itself gives, beside its items. */
export interface LiveList<State extends ListState> {
  readonly state: State;
  /** Why the first load, or the last page asked for, failed. */
  readonly error: RealtimeFailure | null;
  readonly isLoadingMore: boolean;
  loadMore(): void;
  reload(): void;
}

/** A list that loads its first page by itself; Query knows how it goes with the further ones. */
export function useLiveList<State extends ListState>(list: List<State>, queryKey: QueryKey): LiveList<State> {
  const state = useStore(list);
  const { error, fetchNextPage, isFetchingNextPage, refetch } = useInfiniteQuery<
    State,
    RealtimeFailure,
    unknown,
    QueryKey,
    Page
  >({
    ...queryDefaults,
    gcTime: Number.POSITIVE_INFINITY,
    queryKey,
    queryFn: async ({ pageParam }) => {
      await (pageParam === "more" ? list.loadMore() : list.reload());
      return list.getSnapshot();
    },
    initialPageParam: "first",
    initialData: () => (state.status === "ready" ? { pages: [state], pageParams: ["first" as const] } : undefined),
    getNextPageParam: (page) => (page.hasMore ? "more" : undefined),
    getPreviousPageParam: () => undefined,
    maxPages: 1,
    enabled: false,
  });
  const loadMore = useCallback(() => void fetchNextPage({ cancelRefetch: false }), [fetchNextPage]);
  const reload = useCallback(() => void refetch({ cancelRefetch: false }), [refetch]);
  return { state, error: state.error ?? error, isLoadingMore: isFetchingNextPage, loadMore, reload };
}
