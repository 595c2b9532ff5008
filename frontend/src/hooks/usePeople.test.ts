import { act, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Failure } from "../services/failure";
import { aUser } from "../testing/factories";
import { createFakeClient, type FakeClient } from "../testing/fakeClient";
import { renderWith } from "./testHarness";
import { usePeople } from "./usePeople";

const ana = aUser({ id: 3, display_name: "Ana" });
const juan = aUser();

let client: FakeClient;

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  client = createFakeClient();
  client.people.mockImplementation(async (query, cursor) =>
    query === "" && !cursor ? { people: [ana], next_cursor: "2" } : { people: [juan], next_cursor: null },
  );
});
afterEach(() => {
  vi.useRealTimers();
});

const render = (query = "") =>
  renderWith(client, (props: { query: string }) => usePeople(props.query), { initialProps: { query } });

it("gives people, page by page", async () => {
  const { result } = render();
  expect(result.current).toMatchObject({ people: [], isLoading: true, hasMore: false });
  await waitFor(() => expect(result.current.people).toEqual([ana]));
  expect(result.current).toMatchObject({ isLoading: false, hasMore: true, error: null });
  act(() => result.current.loadMore());
  await waitFor(() => expect(result.current.people).toEqual([ana, juan]));
  expect(client.people).toHaveBeenLastCalledWith("", "2");
  expect(result.current.hasMore).toBe(false);
});

it("asks once the typing pauses, and shows the answer before meanwhile", async () => {
  const { result, rerender } = render();
  await waitFor(() => expect(result.current.people).toEqual([ana]));
  client.people.mockClear();
  rerender({ query: "j" });
  act(() => void vi.advanceTimersByTime(150));
  rerender({ query: " ju " });
  act(() => void vi.advanceTimersByTime(150));
  expect(client.people).not.toHaveBeenCalled();
  expect(result.current).toMatchObject({ people: [ana], isLoading: true });
  act(() => void vi.advanceTimersByTime(100));
  await waitFor(() => expect(result.current).toMatchObject({ people: [juan], isLoading: false }));
  expect(client.people.mock.calls).toEqual([["ju", null]]);
});

it("tells an error, and tries again", async () => {
  const answer = client.people.getMockImplementation();
  client.people.mockRejectedValue(new Failure("internal", "No.", false));
  const { result } = render("x");
  await waitFor(() => expect(result.current.error?.code).toBe("internal"));
  expect(result.current.isLoading).toBe(false);
  if (answer) client.people.mockImplementation(answer);
  act(() => result.current.reload());
  await waitFor(() => expect(result.current.people).toEqual([juan]));
  expect(result.current.error).toBeNull();
});

it("waits for the connection", async () => {
  client.connection.set({
    status: "connecting",
    attempt: 1,
    retryAt: null,
    error: null,
    wasOnline: false,
    degraded: null,
  });
  const { result } = render();
  expect(result.current.isLoading).toBe(true);
  expect(client.people).not.toHaveBeenCalled();
  act(() =>
    client.connection.set({
      status: "online",
      attempt: 0,
      retryAt: null,
      error: null,
      wasOnline: true,
      degraded: null,
    }),
  );
  await waitFor(() => expect(result.current.people).toEqual([ana]));
});
