import { type InfiniteData, InfiniteQueryObserver, QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { HistoryCursor, HistoryState, RealtimeFailure } from "../services/types";
import { aChatMessage, aNotification, aThread } from "../testing/factories";
import { createFakeClient, type FakeClient } from "../testing/fakeClient";
import { bridgeQueries } from "./queryBridge";
import { queryDefaults } from "./queryDefaults";
import { queryKeys } from "./queryKeys";
import { after, before, stretchData } from "./stretch";

const EMPTY: HistoryState = { messages: [], loaded: false, hasMoreBefore: false, hasMoreAfter: false };
const stretch = (...seqs: number[]): HistoryState => ({
  ...EMPTY,
  loaded: true,
  hasMoreBefore: true,
  messages: seqs.map((seq) => aChatMessage({ seq })),
});

let client: FakeClient;
let queryClient: QueryClient;
let remove: () => void;

beforeEach(() => {
  client = createFakeClient({ histories: { t1: EMPTY } });
  queryClient = new QueryClient();
  remove = bridgeQueries(client, queryClient);
});
afterEach(() => {
  remove();
  queryClient.clear();
});

const messages = () => queryClient.getQueryData<InfiniteData<HistoryState>>(queryKeys.messages("t1"))?.pages;

/** A query of the messages as useMessages makes it, with pages that join so that Query's own end result would be old. */
function observe(queryFn: (cursor: HistoryCursor) => Promise<HistoryState>, options: { maxPages?: number } = {}) {
  const observer = new InfiniteQueryObserver<
    HistoryState,
    RealtimeFailure,
    InfiniteData<HistoryState>,
    readonly string[],
    HistoryCursor
  >(queryClient, {
    ...queryDefaults,
    retry: false,
    queryKey: queryKeys.messages("t1"),
    queryFn: ({ pageParam }) => queryFn(pageParam),
    initialPageParam: {},
    getPreviousPageParam: before,
    getNextPageParam: after,
    ...options,
  });
  const stop = observer.subscribe(() => {});
  return { observer, stop };
}

it("puts both lists into the cache, and each change of them", () => {
  const now = { ...client.threads.getSnapshot(), threads: [aThread()] };
  client.threads.set(now);
  expect(queryClient.getQueryData(queryKeys.threads())).toEqual({ pages: [now], pageParams: ["first"] });
  const centre = { ...client.notifications.getSnapshot(), notifications: [aNotification()] };
  client.notifications.set(centre);
  expect(queryClient.getQueryData(queryKeys.notifications())).toEqual({ pages: [centre], pageParams: ["first"] });
});

it("puts a list back that the host threw away", () => {
  queryClient.clear();
  const now = { ...client.threads.getSnapshot(), totalUnread: 4 };
  client.threads.set(now);
  expect(queryClient.getQueryData(queryKeys.threads())).toMatchObject({ pages: [{ totalUnread: 4 }] });
});

it("writes no list that is still loading or failed to", () => {
  remove();
  const loading = createFakeClient({ threads: { status: "loading" }, notifications: { status: "error" } });
  remove = bridgeQueries(loading, queryClient);
  expect(queryClient.getQueryData(queryKeys.threads())).toBeUndefined();
  expect(queryClient.getQueryData(queryKeys.notifications())).toBeUndefined();
});

it("follows the messages of a thread from its first query on", async () => {
  const { stop } = observe(async () => {
    client.history("t1").set(stretch(2));
    return client.history("t1").getSnapshot();
  });
  await vi.waitFor(() => expect(messages()).toEqual([stretch(2)]));
  client.history("t1").set(stretch(2, 3));
  expect(messages()).toEqual([stretch(2, 3)]);
  stop();
});

it("writes again after a fetch that ends with what it started from", async () => {
  client.history("t1").set(stretch(5));
  let arrive = (_: HistoryState) => {};
  const { observer, stop } = observe(() => new Promise((resolve) => (arrive = resolve)));
  await vi.waitFor(() => expect(messages()).toEqual([stretch(5)]));
  const fetched = observer.fetchPreviousPage();
  client.history("t1").set(stretch(4, 5, 6));
  expect(messages()).toEqual([stretch(4, 5, 6)]);
  arrive(stretch(4));
  await fetched;
  expect(messages()).toEqual([stretch(4, 5, 6)]);
  expect(observer.getCurrentResult()).toMatchObject({ isFetching: false, isError: false });
  stop();
});

it("leaves the error of a page alone when a message arrives", async () => {
  client.history("t1").set(stretch(5));
  const { observer, stop } = observe(() => Promise.reject(new Error("no")));
  await observer.fetchPreviousPage();
  expect(observer.getCurrentResult().isFetchPreviousPageError).toBe(true);
  client.history("t1").set(stretch(5, 6));
  await vi.waitFor(() => expect(observer.getCurrentResult().data?.pages).toEqual([stretch(5, 6)]));
  expect(observer.getCurrentResult().isFetchPreviousPageError).toBe(true);
  stop();
});

it("empties a query whose store forgets", () => {
  client.history("t1").set(stretch(5));
  queryClient.setQueryData(queryKeys.messages("t1"), stretchData(stretch(5)));
  client.history("t1").set(EMPTY);
  expect(messages()).toBeUndefined();
  expect(queryClient.getQueryState(queryKeys.messages("t1"))?.status).toBe("pending");
  client.history("t1").set(stretch(9));
  expect(messages()).toEqual([stretch(9)]);
});

it("follows a single thread, and one that it does not know it leaves as fetched", () => {
  const far = aThread({ id: "far" });
  queryClient.setQueryData(queryKeys.thread("far"), far);
  client.threads.set({ ...client.threads.getSnapshot(), totalUnread: 1 });
  expect(queryClient.getQueryData(queryKeys.thread("far"))).toBe(far);
  const renamed = aThread({ id: "far", title: "New" });
  client.threads.set({ ...client.threads.getSnapshot(), threads: [renamed] });
  expect(queryClient.getQueryData(queryKeys.thread("far"))).toBe(renamed);
  client.threads.set({ ...client.threads.getSnapshot(), threads: [] });
  expect(queryClient.getQueryData(queryKeys.thread("far"))).toBeUndefined();
});

it("touches no query of the host's", () => {
  queryClient.setQueryData(["host"], 1);
  client.threads.set({ ...client.threads.getSnapshot(), totalUnread: 1 });
  remove();
  expect(queryClient.getQueryData(["host"])).toBe(1);
});

it("removes the person's data only with its last user, and stops following", () => {
  const removeOther = bridgeQueries(client, queryClient);
  remove();
  expect(queryClient.getQueryData(queryKeys.threads())).toBeDefined();
  removeOther();
  client.threads.set({ ...client.threads.getSnapshot(), totalUnread: 9 });
  expect(queryClient.getQueryCache().getAll()).toEqual([]);
  remove = bridgeQueries(client, queryClient);
});

it("refuses two clients in one QueryClient", () => {
  expect(() => bridgeQueries(createFakeClient(), queryClient)).toThrow("one QueryClient");
});
