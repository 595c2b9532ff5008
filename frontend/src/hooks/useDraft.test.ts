import { act } from "@testing-library/react";
import { expect, it } from "vitest";
import { createDrafts, memoryStorage } from "../services/drafts";
import { createFakeClient, type FakeClient } from "../testing/fakeClient";
import { renderWith } from "./testHarness";
import { useDraft } from "./useDraft";

/** A client whose drafts are the real ones, in a device's memory. */
function clientWith(storage = memoryStorage()): FakeClient {
  const client = createFakeClient({ me: null });
  return { ...client, drafts: createDrafts(() => client.me.getSnapshot(), storage) };
}

const render = (client: FakeClient) =>
  renderWith(client, ({ threadId }: { threadId: string }) => useDraft(threadId), { initialProps: { threadId: "t1" } });

it("shows the draft as soon as it is known who we are", () => {
  const storage = memoryStorage();
  createDrafts(() => 1, storage).set("t1", "half a");
  const client = clientWith(storage);
  const { result } = render(client);
  expect(result.current[0]).toBe("");
  act(() => client.me.set(1));
  expect(result.current[0]).toBe("half a");
});

it("keeps what was typed before that", () => {
  const client = clientWith();
  const { result } = render(client);
  act(() => result.current[1]("typed"));
  act(() => client.me.set(1));
  expect(result.current[0]).toBe("typed");
});

it("shows nothing of another person's", () => {
  const client = clientWith();
  act(() => client.me.set(1));
  const { result } = render(client);
  act(() => result.current[1]("mine"));
  act(() => client.me.set(2));
  expect(result.current[0]).toBe("");
  act(() => client.me.set(1));
  expect(result.current[0]).toBe("mine");
});

it("has one for each thread", () => {
  const client = clientWith();
  act(() => client.me.set(1));
  const { result, rerender } = render(client);
  act(() => result.current[1]("one"));
  rerender({ threadId: "t2" });
  expect(result.current[0]).toBe("");
  rerender({ threadId: "t1" });
  expect(result.current[0]).toBe("one");
});
