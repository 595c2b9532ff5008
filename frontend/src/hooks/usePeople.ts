import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import type { RealtimeClient, RealtimeFailure } from "../services/types";
import type { User } from "../types/generated/contract";
import { useRealtimeClient } from "./context";
import { queryDefaults } from "./queryDefaults";
import { queryKeys } from "./queryKeys";
import { useIsOnline } from "./useIsOnline";

const TYPING_MS = 200;
const FRESH_MS = 60_000;

type PeoplePage = Awaited<ReturnType<RealtimeClient["people"]>>;

/** People by a part of their name. */
export interface PeopleResult {
  readonly people: readonly User[];
  /** True while what is shown does not answer the query yet. */
  readonly isLoading: boolean;
  readonly error: RealtimeFailure | null;
  readonly hasMore: boolean;
  readonly isLoadingMore: boolean;
  loadMore(): void;
  reload(): void;
}

function useSettled(text: string, ms: number): string {
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => settle(text), ms);
    return () => clearTimeout(timer);
  }, [text, ms]);
  return settled;
}

function usePages(query: string) {
  const client = useRealtimeClient();
  return useInfiniteQuery<PeoplePage, RealtimeFailure, User[], readonly string[], string | null>({
    ...queryDefaults,
    staleTime: FRESH_MS,
    queryKey: queryKeys.people(query),
    queryFn: ({ pageParam }) => client.people(query, pageParam),
    initialPageParam: null,
    getNextPageParam: (page) => page.next_cursor,
    select: ({ pages }) => pages.flatMap((page) => page.people),
    placeholderData: keepPreviousData,
    enabled: useIsOnline(),
  });
}

/** People whose name has `query` in it, page by page. Asks once the typing pauses; the answer before stays meanwhile. */
export function usePeople(query: string): PeopleResult {
  const wanted = query.trim();
  const settled = useSettled(wanted, TYPING_MS);
  const pages = usePages(settled);
  const { fetchNextPage, refetch } = pages;
  const loadMore = useCallback(() => void fetchNextPage({ cancelRefetch: false }), [fetchNextPage]);
  const reload = useCallback(() => void refetch({ cancelRefetch: false }), [refetch]);
  return {
    people: pages.data ?? [],
    isLoading: wanted !== settled || pages.isPlaceholderData || pages.isPending,
    error: pages.error,
    hasMore: pages.hasNextPage,
    isLoadingMore: pages.isFetchingNextPage,
    loadMore,
    reload,
  };
}
