import { act } from "@testing-library/react";
import { expect, it } from "vitest";
import { Failure } from "../services/failure";
import { aChatMessage, aMessage } from "../testing/factories";
import { createFakeClient } from "../testing/fakeClient";
import { renderWith } from "./testHarness";
import { useRealTimeMessages } from "./useRealTimeMessages";

it("tells connection, unread messages and who types", () => {
  const client = createFakeClient();
  const { result } = renderWith(client, useRealTimeMessages);
  expect(result.current).toMatchObject({ isConnected: true, unreadCount: 0, typingUsers: [] });
  act(() => {
    client.threads.set({ ...client.threads.getSnapshot(), totalUnread: 4 });
    client.typing.set({ users: [{ userId: 2, userName: "Juan Pérez", threadId: "t1" }] });
    client.connection.set({ ...client.connection.getSnapshot(), status: "waiting" });
  });
  expect(result.current).toMatchObject({
    isConnected: false,
    unreadCount: 4,
    typingUsers: [{ userId: 2, userName: "Juan Pérez", threadId: "t1" }],
  });
});

it("sends, and hands a refusal to whoever asked", async () => {
  const client = createFakeClient();
  const { result } = renderWith(client, useRealTimeMessages);
  client.send.mockResolvedValueOnce(aMessage({ seq: 3 }));
  await expect(result.current.sendMessage("t1", "Hola")).resolves.toEqual(aMessage({ seq: 3 }));
  expect(client.send).toHaveBeenCalledWith("t1", "Hola");
  client.send.mockRejectedValueOnce(new Failure("forbidden", "No.", false));
  await expect(result.current.sendMessage("t1", "Hola")).rejects.toMatchObject({ code: "forbidden" });
});

it("types", () => {
  const client = createFakeClient();
  const { result } = renderWith(client, useRealTimeMessages);
  result.current.startTyping("t1");
  result.current.stopTyping("t1");
  expect(client.startTyping).toHaveBeenCalledWith("t1");
  expect(client.stopTyping).toHaveBeenCalledWith("t1");
});

it("reads a thread, or up to the newest of the messages named", async () => {
  const messages = [1, 2, 3].map((seq) => aChatMessage({ seq }));
  const client = createFakeClient({ histories: { t1: { messages } } });
  const { result } = renderWith(client, useRealTimeMessages);
  await result.current.markMessagesAsRead("t1");
  expect(client.markRead).toHaveBeenLastCalledWith("t1");
  await result.current.markMessagesAsRead("t1", ["m3", "m1"]);
  expect(client.markRead).toHaveBeenLastCalledWith("t1", "m3");
});

it("lets the server find the newest of messages that are not loaded, 100 at a time", async () => {
  const client = createFakeClient();
  client.answer("mark_messages_read", () => ({ thread_id: "t1", read_seq: 1, unread_count: 0 }));
  const { result } = renderWith(client, useRealTimeMessages);
  const ids = Array.from({ length: 101 }, (_, index) => `x${index}`);
  await result.current.markMessagesAsRead("t1", ids);
  expect(client.asked.map(({ request }) => request)).toEqual([
    { thread_id: "t1", message_ids: ids.slice(0, 100) },
    { thread_id: "t1", message_ids: ["x100"] },
  ]);
});

it("joins a thread once, and leaves it when asked to, or unmounted", () => {
  const client = createFakeClient();
  const { result, unmount } = renderWith(client, useRealTimeMessages);
  const leave = result.current.joinThread("t1");
  result.current.joinThread("t1");
  result.current.joinThread("t2");
  expect(client.join.mock.calls).toEqual([["t1"], ["t2"]]);
  leave();
  leave();
  expect(client.left).toEqual(["t1"]);
  unmount();
  expect(client.left).toEqual(["t1", "t2"]);
});

it("gives the same functions always", () => {
  const { result, rerender } = renderWith(createFakeClient(), useRealTimeMessages);
  const functions = (now: typeof result.current) => [
    now.sendMessage,
    now.markMessagesAsRead,
    now.startTyping,
    now.stopTyping,
    now.joinThread,
  ];
  const before = functions(result.current);
  rerender(undefined);
  for (const [index, now] of functions(result.current).entries()) expect(now).toBe(before[index]);
});
