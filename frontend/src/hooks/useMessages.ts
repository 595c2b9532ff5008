import { type QueryKey, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import type { History, HistoryCursor, HistoryState, RealtimeFailure } from "../services/types";
import { useRealtimeClient } from "./context";
import { queryDefaults } from "./queryDefaults";
import { queryKeys } from "./queryKeys";
import { after, before, covers, here, type StretchData, stretchData } from "./stretch";
import { turnsOf } from "./turns";
import { useIsOnline } from "./useIsOnline";
import { useLatest } from "./useLatest";
import { useStore } from "./useStore";

/** Ways to move the loaded stretch of a thread. Each resolves when it is done, or has failed (see `error`). */
export interface MessagesActions {
  loadBefore(): Promise<void>;
  loadAfter(): Promise<void>;
  /** Shows what the cursor asks for; asks the server only if the stretch does not have it. */
  show(cursor: HistoryCursor): Promise<void>;
  /** Tries again what failed; else loads anew where the stretch ends. */
  reload(): Promise<void>;
}

/** The loaded stretch of a thread's messages. */
export interface MessagesResult extends HistoryState, MessagesActions {
  readonly error: RealtimeFailure | null;
  readonly isLoadingBefore: boolean;
  readonly isLoadingAfter: boolean;
}

function useStretchQuery(history: History, threadId: string, start: HistoryCursor | null) {
  const isOnline = useIsOnline();
  return useInfiniteQuery<HistoryState, RealtimeFailure, StretchData, QueryKey, HistoryCursor>({
    ...queryDefaults,
    queryKey: queryKeys.messages(threadId),
    queryFn: async ({ pageParam }) => {
      await history.load(pageParam);
      return history.getSnapshot();
    },
    initialPageParam: start ?? {},
    initialData: () => {
      const state = history.getSnapshot();
      return state.loaded ? stretchData(state) : undefined;
    },
    getPreviousPageParam: before,
    getNextPageParam: after,
    maxPages: 1,
    enabled: isOnline && start !== null,
  });
}

type StretchQuery = ReturnType<typeof useStretchQuery>;

/** Loads take turns, so that a page that comes late never moves the stretch back from where one has jumped to. */
function useActions(history: History, threadId: string, query: StretchQuery): MessagesActions {
  const queryClient = useQueryClient();
  const latest = useLatest({ history, query });
  return useMemo(() => {
    const inTurn = turnsOf(history);
    const whileOpen = async (task: (query: StretchQuery) => Promise<unknown>) => {
      // The query is that of the thread which is open when the turn comes.
      if (latest.current.history === history) await task(latest.current.query);
    };
    const loadBefore = () => inTurn("before", () => whileOpen((now) => now.fetchPreviousPage()));
    const loadAfter = () => inTurn("after", () => whileOpen((now) => now.fetchNextPage()));
    const loadAt = (cursor: HistoryCursor) =>
      whileOpen((now) => {
        // A refetch begins where the first page did.
        queryClient.setQueryData(queryKeys.messages(threadId), stretchData(history.getSnapshot(), cursor));
        return now.refetch();
      });
    const show = (cursor: HistoryCursor) =>
      inTurn(JSON.stringify(cursor), async () => {
        if (!history.getSnapshot().loaded) await whileOpen((now) => now.refetch());
        if (!covers(history.getSnapshot(), cursor)) await loadAt(cursor);
      });
    const reload = () => {
      const { query: now } = latest.current;
      if (now.isFetchPreviousPageError) return loadBefore();
      if (now.isFetchNextPageError) return loadAfter();
      return inTurn("reload", () =>
        now.isError || !history.getSnapshot().loaded
          ? whileOpen((it) => it.refetch())
          : loadAt(here(history.getSnapshot())),
      );
    };
    return { loadBefore, loadAfter, show, reload };
  }, [history, latest, queryClient, threadId]);
}

/** Goes to the start, once, if the stretch was loaded before the thread was opened here. */
function useStart(history: History, start: HistoryCursor | null, loaded: boolean, show: MessagesActions["show"]) {
  const isOnline = useIsOnline();
  const shown = useRef<{ history: History; start: HistoryCursor } | null>(null);
  useEffect(() => {
    if (!start || !loaded || !isOnline) return;
    if (shown.current?.history === history && shown.current.start === start) return;
    shown.current = { history, start };
    void show(start);
  }, [history, start, loaded, isOnline, show]);
}

/**
 * The messages of a thread from `start` on (null: not known yet; keep the object the same between renders). The store
 * has them; Query knows how loading goes.
 */
export function useMessages(threadId: string, start: HistoryCursor | null): MessagesResult {
  const history = useRealtimeClient().history(threadId);
  const state = useStore(history);
  const query = useStretchQuery(history, threadId, start);
  const actions = useActions(history, threadId, query);
  useStart(history, start, state.loaded, actions.show);
  return {
    ...state,
    ...actions,
    error: query.error,
    isLoadingBefore: query.isFetchingPreviousPage,
    isLoadingAfter: query.isFetchingNextPage,
  };
}
