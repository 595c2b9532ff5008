import { QueryClient } from "@tanstack/react-query";
import { act, waitFor } from "@testing-library/react";
import { expect, it, type Mock } from "vitest";
import { Failure } from "../services/failure";
import type { HistoryCursor, HistoryState } from "../services/types";
import { aChatMessage, aParticipant, aThread, ME } from "../testing/factories";
import { createFakeClient, type FakeClient } from "../testing/fakeClient";
import { isOpen } from "./openThreads";
import { queryKeys } from "./queryKeys";
import { renderWith } from "./testHarness";
import { useThread } from "./useThread";

const NOTHING: HistoryState = { messages: [], loaded: false, hasMoreBefore: false, hasMoreAfter: false };
const OFFLINE = { status: "waiting", attempt: 1, retryAt: null, error: null, wasOnline: true, degraded: null } as const;
const ONLINE = { status: "online", attempt: 0, retryAt: null, error: null, wasOnline: true, degraded: null } as const;
const refused = () => new Failure("forbidden", "No.", false);

function stretch(from: number, to: number, last = 100): HistoryState {
  const messages = Array.from({ length: to - from + 1 }, (_, index) => aChatMessage({ seq: from + index }));
  return { messages, loaded: true, hasMoreBefore: from > 1, hasMoreAfter: to < last };
}

/** Ten messages a page of a hundred; a page joins what it touches, as the real history does. */
function pageOf(state: HistoryState, cursor: HistoryCursor): HistoryState {
  const first = state.messages[0]?.seq ?? 0;
  const last = state.messages.at(-1)?.seq ?? 0;
  if ("before_seq" in cursor) return stretch(Math.max(1, cursor.before_seq - 10), last);
  if ("after_seq" in cursor) return stretch(first, Math.min(100, cursor.after_seq + 10));
  if ("around_seq" in cursor) return stretch(Math.max(1, cursor.around_seq - 5), Math.min(100, cursor.around_seq + 5));
  return stretch(91, 100);
}

function serve(client: FakeClient, threadId: string): void {
  const history = client.history(threadId);
  history.load.mockImplementation(async (cursor) => {
    await Promise.resolve();
    history.set(pageOf(history.getSnapshot(), cursor));
    return { messages: [], has_more_before: false, has_more_after: false };
  });
}

function clientOf(options: { unread?: number; history?: HistoryState; state?: object } = {}): FakeClient {
  const { unread = 0, history = NOTHING, state } = options;
  const participants = [aParticipant({ user_id: ME, read_seq: 100 - unread }), aParticipant()];
  const threads = ["t1", "t2"].map((id) => aThread({ id, participants, last_seq: 100, unread_count: unread }));
  const client = createFakeClient({ threads: { threads }, histories: { t1: history, t2: NOTHING }, ...state });
  serve(client, "t1");
  serve(client, "t2");
  return client;
}

/** Keeps the next page of a thread back until the function that it gives is called. */
function holdNext(client: FakeClient, threadId: string): () => void {
  let arrive = () => {};
  const held = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const { load } = client.history(threadId);
  const answer = load.getMockImplementation();
  load.mockImplementationOnce(async (cursor) => {
    await held;
    return answer ? answer(cursor) : { messages: [], has_more_before: false, has_more_after: false };
  });
  return () => arrive();
}

/** Fails each call until `answer` is called. */
function failing<Result>(mock: Mock<(of: never) => Promise<Result>>, error: Error) {
  const before = mock.getMockImplementation();
  mock.mockImplementation(() => Promise.reject(error));
  return { answer: () => mock.mockImplementation(before ?? (() => Promise.reject(error))) };
}

interface Props {
  threadId?: string;
  aroundSeq?: number;
}

function open(client: FakeClient, initialProps: Props = {}, queryClient = new QueryClient()) {
  return renderWith(
    client,
    ({ threadId = "t1", aroundSeq }: Props) => useThread(threadId, aroundSeq === undefined ? {} : { aroundSeq }),
    { initialProps, queryClient },
  );
}

const seqs = (messages: readonly { seq: number | null }[]) => [messages[0]?.seq, messages.at(-1)?.seq];

it("opens at the latest messages", async () => {
  const client = clientOf();
  const { result } = open(client);
  expect(result.current).toMatchObject({ isLoading: true, messages: [], error: null, firstUnreadSeq: null });
  expect(result.current.thread?.id).toBe("t1");
  await waitFor(() => expect(result.current.isLoading).toBe(false));
  expect(seqs(result.current.messages)).toEqual([91, 100]);
  expect(result.current).toMatchObject({ hasMoreBefore: true, hasMoreAfter: false });
  expect(client.history("t1").load.mock.calls.every(([cursor]) => Object.keys(cursor).length === 0)).toBe(true);
});

it("follows the store, and the cache with it", async () => {
  const client = clientOf();
  const queryClient = new QueryClient();
  const { result } = open(client, {}, queryClient);
  await waitFor(() => expect(result.current.isLoading).toBe(false));
  act(() => client.history("t1").set(stretch(91, 101, 101)));
  expect(seqs(result.current.messages)).toEqual([91, 101]);
  expect(queryClient.getQueryData(queryKeys.messages("t1"))).toMatchObject({
    pages: [{ messages: result.current.messages }],
  });
});

it("opens around the first unread message if more than a page is unread", async () => {
  const { result } = open(clientOf({ unread: 60 }));
  await waitFor(() => expect(result.current.isLoading).toBe(false));
  expect(seqs(result.current.messages)).toEqual([36, 46]);
  expect(result.current.firstUnreadSeq).toBe(41);
});

it("keeps the first unread message while the thread is read", async () => {
  const client = clientOf({ unread: 3 });
  const { result } = open(client);
  await waitFor(() => expect(result.current.firstUnreadSeq).toBe(98));
  const read = client.threads.getSnapshot().threads.map((thread) => ({ ...thread, unread_count: 0 }));
  act(() => client.threads.set({ ...client.threads.getSnapshot(), threads: read }));
  expect(result.current.thread?.unread_count).toBe(0);
  expect(result.current.firstUnreadSeq).toBe(98);
});

it("opens around a message, and goes to another one", async () => {
  const { result, rerender } = open(clientOf(), { aroundSeq: 20 });
  await waitFor(() => expect(result.current.isLoading).toBe(false));
  expect(seqs(result.current.messages)).toEqual([15, 25]);
  rerender({ aroundSeq: 50 });
  await waitFor(() => expect(seqs(result.current.messages)).toEqual([45, 55]));
  rerender({});
  await act(async () => {});
  expect(seqs(result.current.messages)).toEqual([45, 55]);
});

it("shows what is loaded already, and asks for nothing", async () => {
  const client = clientOf({ history: stretch(95, 100) });
  const { result } = open(client);
  expect(result.current.isLoading).toBe(false);
  await act(async () => {});
  expect(seqs(result.current.messages)).toEqual([95, 100]);
  expect(client.history("t1").load).not.toHaveBeenCalled();
});

it("goes to the latest of a thread that was left further up", async () => {
  const client = clientOf({ history: stretch(10, 20) });
  const { result } = open(client);
  await waitFor(() => expect(seqs(result.current.messages)).toEqual([91, 100]));
  await act(async () => result.current.jumpTo(30));
  expect(seqs(result.current.messages)).toEqual([25, 35]);
});

it("loads before and after, both when asked for at once, each once", async () => {
  const client = clientOf({ unread: 60 });
  const { result } = open(client);
  await waitFor(() => expect(result.current.isLoading).toBe(false));
  client.history("t1").load.mockClear();
  await act(async () => {
    const { loadBefore, loadAfter } = result.current;
    await Promise.all([loadBefore(), loadAfter(), loadBefore()]);
  });
  expect(seqs(result.current.messages)).toEqual([26, 56]);
  expect(client.history("t1").load.mock.calls).toEqual([[{ before_seq: 36 }], [{ after_seq: 46 }]]);
});

it("asks for nothing beyond the ends", async () => {
  const client = clientOf({ history: stretch(1, 100) });
  const { result } = open(client);
  await act(async () => {
    await result.current.loadBefore();
    await result.current.loadAfter();
    await result.current.jumpToLatest();
    await result.current.jumpTo(3);
  });
  expect(client.history("t1").load).not.toHaveBeenCalled();
});

it("says which side is loading", async () => {
  const client = clientOf({ history: stretch(40, 50) });
  const { result } = open(client, { aroundSeq: 45 });
  let arrive = () => {};
  client.history("t1").load.mockImplementation(async () => {
    await new Promise<void>((resolve) => {
      arrive = resolve;
    });
    return { messages: [], has_more_before: false, has_more_after: false };
  });
  act(() => void result.current.loadBefore());
  await waitFor(() => expect(result.current.isLoadingBefore).toBe(true));
  expect(result.current.isLoadingAfter).toBe(false);
  await act(async () => arrive());
  await waitFor(() => expect(result.current.isLoadingBefore).toBe(false));
  act(() => void result.current.loadAfter());
  await waitFor(() => expect(result.current.isLoadingAfter).toBe(true));
  await act(async () => arrive());
});

it("jumps only after a page that is under way, so that it does not jump back", async () => {
  const client = clientOf({ history: stretch(91, 100) });
  const { load } = client.history("t1");
  const arrive = holdNext(client, "t1");
  const { result } = open(client);
  let done: Promise<unknown> = Promise.resolve();
  act(() => {
    const { loadBefore, jumpTo } = result.current;
    done = Promise.all([loadBefore(), jumpTo(20)]);
  });
  await waitFor(() => expect(result.current.isLoadingBefore).toBe(true));
  expect(load.mock.calls).toEqual([[{ before_seq: 91 }]]);
  await act(async () => {
    arrive();
    await done;
  });
  expect(load.mock.calls).toEqual([[{ before_seq: 91 }], [{ around_seq: 20 }]]);
  expect(seqs(result.current.messages)).toEqual([15, 25]);
});

it("jumps to the latest", async () => {
  const { result } = open(clientOf(), { aroundSeq: 20 });
  await waitFor(() => expect(result.current.isLoading).toBe(false));
  await act(async () => result.current.jumpToLatest());
  expect(seqs(result.current.messages)).toEqual([91, 100]);
});

it("tells the error of the first page, and reloads", async () => {
  const client = clientOf();
  const { answer } = failing(client.history("t1").load, refused());
  const { result } = open(client);
  await waitFor(() => expect(result.current.error?.code).toBe("forbidden"));
  expect(result.current.isLoading).toBe(false);
  answer();
  act(() => result.current.reload());
  await waitFor(() => expect(seqs(result.current.messages)).toEqual([91, 100]));
  expect(result.current.error).toBeNull();
});

it.each([
  ["loadBefore", [30, 50]],
  ["loadAfter", [40, 60]],
] as const)("keeps the messages when %s fails, and tries the same again", async (name, expected) => {
  const client = clientOf({ history: stretch(40, 50) });
  client.history("t1").load.mockRejectedValueOnce(refused());
  const { result } = open(client, { aroundSeq: 45 });
  await act(async () => result.current[name]());
  await waitFor(() => expect(result.current.error?.code).toBe("forbidden"));
  expect(seqs(result.current.messages)).toEqual([40, 50]);
  act(() => result.current.reload());
  await waitFor(() => expect(seqs(result.current.messages)).toEqual(expected));
  expect(result.current.error).toBeNull();
});

it("tells the error of a jump, and jumps again", async () => {
  const client = clientOf({ history: stretch(91, 100) });
  client.history("t1").load.mockRejectedValueOnce(refused());
  const { result } = open(client);
  await act(async () => result.current.jumpTo(20));
  await waitFor(() => expect(result.current.error?.code).toBe("forbidden"));
  expect(seqs(result.current.messages)).toEqual([91, 100]);
  act(() => result.current.reload());
  await waitFor(() => expect(seqs(result.current.messages)).toEqual([15, 25]));
});

it("waits for the connection, and loads when there is one", async () => {
  const client = clientOf({ state: { connection: OFFLINE } });
  const { result } = open(client);
  await act(async () => {});
  expect(result.current).toMatchObject({ isLoading: true, error: null });
  expect(client.history("t1").load).not.toHaveBeenCalled();
  act(() => client.connection.set(ONLINE));
  await waitFor(() => expect(result.current.isLoading).toBe(false));
});

it("loads again by itself after the connection went during the first page", async () => {
  const client = clientOf();
  const { answer } = failing(client.history("t1").load, new Failure("offline", "Gone.", true));
  const { result } = open(client);
  await waitFor(() => expect(result.current.error?.code).toBe("offline"));
  act(() => client.connection.set(OFFLINE));
  answer();
  act(() => client.connection.set(ONLINE));
  await waitFor(() => expect(seqs(result.current.messages)).toEqual([91, 100]));
  expect(result.current.error).toBeNull();
});

it("loads anew after the client forgot and connected again", async () => {
  const client = clientOf();
  const { result } = open(client);
  await waitFor(() => expect(result.current.isLoading).toBe(false));
  act(() => {
    client.connection.set(OFFLINE);
    client.history("t1").set(NOTHING);
  });
  expect(result.current.isLoading).toBe(true);
  act(() => client.connection.set(ONLINE));
  await waitFor(() => expect(seqs(result.current.messages)).toEqual([91, 100]));
});

it("goes from thread to thread, and drops what was to be loaded in the former", async () => {
  const client = clientOf({ history: stretch(40, 50) });
  const arrive = holdNext(client, "t1");
  const { result, rerender } = open(client, { aroundSeq: 45 });
  act(() => {
    void result.current.loadAfter();
    void result.current.loadBefore();
  });
  await waitFor(() => expect(result.current.isLoadingAfter).toBe(true));
  rerender({ threadId: "t2" });
  await waitFor(() => expect(result.current.isLoading).toBe(false));
  await act(async () => result.current.loadBefore());
  expect(seqs(result.current.messages)).toEqual([81, 100]);
  await act(async () => arrive());
  await act(async () => {});
  expect(seqs(result.current.messages)).toEqual([81, 100]);
  expect(client.history("t1").load.mock.calls).toEqual([[{ after_seq: 50 }]]);
});

it("fetches a thread that is not in the list", async () => {
  const client = clientOf();
  const far = aThread({ id: "far", last_seq: 100 });
  client.threads.fetch.mockImplementation(async () => {
    await Promise.resolve();
    client.threads.set({ ...client.threads.getSnapshot(), threads: [far] });
    return far;
  });
  client.history("far").set(NOTHING);
  serve(client, "far");
  const { result } = open(client, { threadId: "far" });
  expect(result.current).toMatchObject({ thread: undefined, isLoading: true });
  await waitFor(() => expect(result.current.thread).toBe(far));
  await waitFor(() => expect(seqs(result.current.messages)).toEqual([91, 100]));
});

it("waits for the list before it fetches a thread", async () => {
  const client = clientOf();
  const { threads } = client.threads.getSnapshot();
  client.threads.set({ ...client.threads.getSnapshot(), threads: [], status: "loading" });
  const { result } = open(client);
  await act(async () => {});
  expect(client.threads.fetch).not.toHaveBeenCalled();
  act(() => client.threads.set({ ...client.threads.getSnapshot(), threads, status: "ready" }));
  await waitFor(() => expect(result.current.isLoading).toBe(false));
  expect(client.threads.fetch).not.toHaveBeenCalled();
});

it("tells that a thread is not there, and looks again", async () => {
  const client = clientOf();
  const { answer } = failing(client.threads.fetch, new Failure("not_found", "No.", false));
  const { result } = open(client, { threadId: "far" });
  await waitFor(() => expect(result.current.error?.code).toBe("not_found"));
  expect(result.current.isLoading).toBe(false);
  answer();
  act(() => result.current.reload());
  await waitFor(() => expect(result.current.thread?.id).toBe("far"));
  expect(result.current.error).toBeNull();
});

it("joins while it is open", async () => {
  const client = clientOf();
  const { rerender, unmount } = open(client);
  const joined = () => client.join.mock.calls.length - client.left.length;
  expect(joined()).toBe(1);
  rerender({ threadId: "t2" });
  expect(client.join).toHaveBeenLastCalledWith("t2");
  expect(joined()).toBe(1);
  unmount();
  expect(joined()).toBe(0);
});

it("is known to be open while it is", () => {
  const client = clientOf();
  const { rerender, unmount } = open(client);
  expect(isOpen(client, "t1")).toBe(true);
  rerender({ threadId: "t2" });
  expect([isOpen(client, "t1"), isOpen(client, "t2")]).toEqual([false, true]);
  unmount();
  expect(isOpen(client, "t2")).toBe(false);
});

it("tells who types here, and nobody else", () => {
  const client = clientOf();
  const { result } = open(client);
  const here = { userId: 2, userName: "Juan Pérez", threadId: "t1" };
  act(() => client.typing.set({ users: [here, { ...here, threadId: "t2" }] }));
  expect(result.current.typingUsers).toEqual([here]);
});

it("does what one does in a thread", async () => {
  const client = clientOf();
  const { result } = open(client);
  const { send, retry, discard, markRead, startTyping, stopTyping } = result.current;
  await send("Hola");
  retry("k1");
  discard("k2");
  await markRead();
  await markRead("m9");
  startTyping();
  stopTyping();
  expect(client.send).toHaveBeenCalledWith("t1", "Hola");
  expect(client.retry).toHaveBeenCalledWith("k1");
  expect(client.discard).toHaveBeenCalledWith("k2");
  expect(client.markRead.mock.calls).toEqual([
    ["t1", undefined],
    ["t1", "m9"],
  ]);
  expect(client.startTyping).toHaveBeenCalledWith("t1");
  expect(client.stopTyping).toHaveBeenCalledWith("t1");
});

it("hands a refusal to whoever asked", async () => {
  const client = clientOf();
  const { result } = open(client);
  client.send.mockRejectedValueOnce(refused());
  await expect(result.current.send("x")).rejects.toMatchObject({ code: "forbidden" });
  client.markRead.mockRejectedValueOnce(refused());
  await expect(result.current.markRead()).rejects.toMatchObject({ code: "forbidden" });
});

it("keeps a draft for each thread", () => {
  const client = clientOf();
  const { result, rerender } = open(client);
  act(() => result.current.setDraft("half a"));
  expect(result.current.draft).toBe("half a");
  expect(client.drafts.get("t1")).toBe("half a");
  rerender({ threadId: "t2" });
  expect(result.current.draft).toBe("");
  rerender({ threadId: "t1" });
  expect(result.current.draft).toBe("half a");
});

it("gives the same functions for as long as the thread is open", async () => {
  const client = clientOf();
  const { result } = open(client);
  const before = Object.entries(result.current).filter(([, value]) => typeof value === "function");
  await waitFor(() => expect(result.current.isLoading).toBe(false));
  act(() => client.history("t1").set(stretch(91, 101, 101)));
  const now = new Map(Object.entries(result.current));
  expect(before.length).toBeGreaterThan(10);
  for (const [name, value] of before) expect(now.get(name), name).toBe(value);
});
