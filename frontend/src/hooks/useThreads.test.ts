import { act, waitFor } from "@testing-library/react";
import { expect, it } from "vitest";
import { Failure } from "../services/failure";
import { aThread } from "../testing/factories";
import { createFakeClient } from "../testing/fakeClient";
import { renderWith } from "./testHarness";
import { useThreads } from "./useThreads";

const failure = () => new Failure("unavailable", "Try again later.", true);

it("gives the list, live", () => {
  const client = createFakeClient({ threads: { status: "loading" } });
  const { result } = renderWith(client, useThreads);
  expect(result.current).toMatchObject({ status: "loading", threads: [], totalUnread: 0, error: null });
  const threads = [aThread()];
  act(() => client.threads.set({ threads, status: "ready", error: null, hasMore: false, totalUnread: 5 }));
  expect(result.current).toMatchObject({ status: "ready", threads, totalUnread: 5 });
});

it("loads more, once at a time, and says so", async () => {
  const client = createFakeClient({ threads: { threads: [aThread()], hasMore: true } });
  let done = () => {};
  client.threads.loadMore.mockImplementation(() => new Promise((resolve) => (done = resolve)));
  const { result } = renderWith(client, useThreads);
  act(() => {
    result.current.loadMore();
    result.current.loadMore();
  });
  await waitFor(() => expect(result.current.isLoadingMore).toBe(true));
  expect(client.threads.loadMore).toHaveBeenCalledTimes(1);
  await act(async () => done());
  await waitFor(() => expect(result.current.isLoadingMore).toBe(false));
});

it("asks for no more where there is none", async () => {
  const client = createFakeClient({ threads: { threads: [aThread()], hasMore: false } });
  const { result } = renderWith(client, useThreads);
  await act(async () => result.current.loadMore());
  expect(client.threads.loadMore).not.toHaveBeenCalled();
});

it("keeps the list and tells the error of a page that fails; another try clears it", async () => {
  const client = createFakeClient({ threads: { threads: [aThread()], hasMore: true } });
  client.threads.loadMore.mockRejectedValueOnce(new Failure("forbidden", "No.", false));
  const { result } = renderWith(client, useThreads);
  act(() => result.current.loadMore());
  await waitFor(() => expect(result.current.error?.code).toBe("forbidden"));
  expect(result.current.threads).toHaveLength(1);
  act(() => result.current.loadMore());
  await waitFor(() => expect(result.current.error).toBeNull());
});

it("tells the error of the first load, and reloads", async () => {
  const client = createFakeClient({ threads: { status: "error", error: failure() } });
  const { result } = renderWith(client, useThreads);
  expect(result.current).toMatchObject({ status: "error", error: { code: "unavailable" } });
  act(() => result.current.reload());
  await waitFor(() => expect(client.threads.reload).toHaveBeenCalledTimes(1));
});

it("reloads also after more was loaded", async () => {
  const client = createFakeClient({ threads: { threads: [aThread()], hasMore: true } });
  const { result } = renderWith(client, useThreads);
  await act(async () => result.current.loadMore());
  await act(async () => result.current.reload());
  await waitFor(() => expect(client.threads.reload).toHaveBeenCalledTimes(1));
});

it("opens a thread, and hands a refusal to whoever asked", async () => {
  const client = createFakeClient();
  const { result } = renderWith(client, useThreads);
  const request = { kind: "direct" as const, participant_ids: [2] };
  await expect(result.current.createThread(request)).resolves.toEqual(aThread());
  client.threads.create.mockRejectedValueOnce(failure());
  await expect(result.current.createThread(request)).rejects.toMatchObject({ code: "unavailable" });
});

it("gives the same functions always", () => {
  const client = createFakeClient();
  const { result, rerender } = renderWith(client, useThreads);
  const { loadMore, reload, createThread } = result.current;
  rerender(undefined);
  expect(result.current).toMatchObject({ loadMore, reload, createThread });
  expect(result.current.loadMore).toBe(loadMore);
  expect(result.current.reload).toBe(reload);
});
