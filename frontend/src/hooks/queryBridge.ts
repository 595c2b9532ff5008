import type { Query, QueryClient, QueryKey } from "@tanstack/react-query";
import type { History, RealtimeClient, Store } from "../services/types";
import { queryDefaults } from "./queryDefaults";
import { queryKeys } from "./queryKeys";
import { stretchData } from "./stretch";

/** A store's snapshot, or a part of it, as one query's data. */
interface Source {
  readonly subscribe: Store<unknown>["subscribe"];
  /** What the store has now; undefined while it has nothing yet. */
  read(): object | undefined;
  wrap(current: object): unknown;
  /** Whether the data is already what the store has. */
  holds(data: unknown, current: object): boolean;
}

interface Follower {
  write(): void;
  stop(): void;
}

/** The one page of an infinite query's data, and where it was asked from; null if it has not exactly one. */
function onlyPage(data: unknown): { page: unknown; param: unknown } | null {
  if (typeof data !== "object" || data === null || !("pages" in data && "pageParams" in data)) return null;
  const { pages, pageParams } = data;
  if (!Array.isArray(pages) || !Array.isArray(pageParams) || pages.length !== 1) return null;
  return { page: pages[0], param: pageParams[0] };
}

function listSource<Snapshot extends { readonly status: string }>(store: Store<Snapshot>): Source {
  const read = () => {
    const snapshot = store.getSnapshot();
    return snapshot.status === "ready" ? snapshot : undefined;
  };
  const holds = (data: unknown, current: object) => {
    const only = onlyPage(data);
    // After "more" the data says so, and a refetch would ask for more again.
    return only?.page === current && only.param === "first";
  };
  return { subscribe: store.subscribe, read, wrap: (page) => ({ pages: [page], pageParams: ["first"] }), holds };
}

function messagesSource(history: History): Source {
  const read = () => {
    const state = history.getSnapshot();
    return state.loaded ? state : undefined;
  };
  return {
    subscribe: history.subscribe,
    read,
    wrap: () => stretchData(history.getSnapshot()),
    holds: (data, current) => onlyPage(data)?.page === current,
  };
}

function threadSource(client: RealtimeClient, threadId: string): Source {
  return {
    subscribe: client.threads.subscribe,
    read: () => client.threads.get(threadId),
    wrap: (thread) => thread,
    holds: (data, thread) => data === thread,
  };
}

function sourceOf(client: RealtimeClient, key: QueryKey): Source | null {
  const [root, kind, id] = key;
  if (root !== queryKeys.all[0]) return null;
  if (kind === "threads") return listSource(client.threads);
  if (kind === "notifications") return listSource(client.notifications);
  if (typeof id !== "string") return null;
  if (kind === "thread") return threadSource(client, id);
  if (kind === "messages") return messagesSource(client.history(id));
  return null;
}

/** Keeps one query's data equal to what its store has, and empties it when the store forgets. */
function follow(query: Query, source: Source): Follower {
  let had = false;
  const write = () => {
    const current = source.read();
    if (!current) return;
    had = true;
    if (query.state.data === undefined) query.setData(source.wrap(current), { manual: true });
    // Not `setData`: a message that arrives says nothing about a page that failed to load.
    else if (!source.holds(query.state.data, current)) query.setState({ data: source.wrap(current) });
  };
  const forget = () => {
    had = false;
    query.setState({ data: undefined, status: "pending", error: null });
  };
  const unsubscribe = source.subscribe(() => {
    if (had && !source.read()) forget();
    else write();
  });
  write();
  return { write, stop: unsubscribe };
}

/** Puts a list into the cache as soon as the store has it, whether or not anyone asked for it. */
function seed(client: RealtimeClient, queryClient: QueryClient, key: QueryKey): () => void {
  const source = sourceOf(client, key);
  if (!source) return () => {};
  const put = () => {
    const current = source.read();
    if (current && !queryClient.getQueryCache().find({ queryKey: key, exact: true })) {
      queryClient.setQueryData(key, source.wrap(current));
    }
  };
  put();
  return source.subscribe(put);
}

function followQueries(client: RealtimeClient, queryClient: QueryClient): () => void {
  const cache = queryClient.getQueryCache();
  const followers = new Map<Query, Follower>();
  const add = (query: Query) => {
    const source = sourceOf(client, query.queryKey);
    if (source && !followers.has(query)) followers.set(query, follow(query, source));
  };
  for (const query of cache.findAll({ queryKey: queryKeys.all })) add(query);
  const unsubscribe = cache.subscribe(({ type, query }) => {
    if (type === "added") add(query);
    // A fetch that ends writes what the store had when its page came, which may be a moment old.
    if (type === "updated") followers.get(query)?.write();
    if (type === "removed") {
      followers.get(query)?.stop();
      followers.delete(query);
    }
  });
  return () => {
    unsubscribe();
    for (const follower of followers.values()) follower.stop();
  };
}

function install(client: RealtimeClient, queryClient: QueryClient): () => void {
  const lists = [queryKeys.threads(), queryKeys.notifications()];
  queryClient.setQueryDefaults(queryKeys.all, queryDefaults);
  for (const key of lists) queryClient.setQueryDefaults(key, { ...queryDefaults, gcTime: Number.POSITIVE_INFINITY });
  const stops = [followQueries(client, queryClient), ...lists.map((key) => seed(client, queryClient, key))];
  return () => {
    for (const stop of stops) stop();
    queryClient.removeQueries({ queryKey: queryKeys.all });
  };
}

const installed = new WeakMap<QueryClient, { client: RealtimeClient; uses: number; remove: () => void }>();

/**
 * Keeps the queries under `queryKeys` in step with the client's stores, so that whoever reads them, by whatever hook,
 * sees live data. Gives back how to end it, which removes one person's data from the cache. A QueryClient follows one
 * RealtimeClient at a time.
 */
export function bridgeQueries(client: RealtimeClient, queryClient: QueryClient): () => void {
  const bridge = installed.get(queryClient) ?? { client, uses: 0, remove: install(client, queryClient) };
  if (bridge.client !== client) throw new Error("VeriHome Realtime: two clients cannot share one QueryClient.");
  installed.set(queryClient, bridge);
  bridge.uses += 1;
  return () => {
    bridge.uses -= 1;
    if (bridge.uses > 0) return;
    installed.delete(queryClient);
    bridge.remove();
  };
}
