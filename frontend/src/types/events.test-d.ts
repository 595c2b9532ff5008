import type { Socket } from "socket.io-client";
import { describe, expectTypeOf, it } from "vitest";
import type { RealtimeClient } from "../services";
import type {
  Answer,
  ClientToServerEvents,
  EventName,
  Message,
  NotificationEvent,
  OperationName,
  Presence,
  ServerToClientEvents,
  Thread,
} from "./generated/contract";

declare const client: RealtimeClient;

describe("ask", () => {
  it("takes the operation's request and answers its response", () => {
    expectTypeOf(client.ask("get_thread", { thread_id: "t1" })).resolves.toEqualTypeOf<Thread>();
    expectTypeOf(client.ask("send_message", { thread_id: "t1", content: "Hola" })).resolves.toEqualTypeOf<Message>();
    expectTypeOf(client.ask("get_presence", { user_ids: [1, "x"] })).resolves.toEqualTypeOf<{ users: Presence[] }>();
  });

  it("refuses another operation's request, unknown fields and unknown names", () => {
    // @ts-expect-error thread_id is missing
    client.ask("get_thread", {});
    // @ts-expect-error there is no such field
    client.ask("get_thread", { thread_id: "t1", limit: 1 });
    // @ts-expect-error a seq is a number
    client.ask("mark_delivered", { thread_id: "t1", seq: "1" });
    // @ts-expect-error there is no such operation
    client.ask("delete_thread", {});
    // @ts-expect-error it is for the users' backend
    client.ask("notify", {});
  });
});

describe("on", () => {
  it("gives the event's payload", () => {
    client.on("new_message", (payload) => expectTypeOf(payload).toEqualTypeOf<{ message: Message }>());
    client.on("urgent_notification", (payload) => expectTypeOf(payload).toEqualTypeOf<NotificationEvent>());
    client.on("user_status_update", (payload) => expectTypeOf(payload).toEqualTypeOf<Presence>());
    expectTypeOf(client.on("pong", () => {})).toEqualTypeOf<() => void>();
  });

  it("refuses unknown events, and listeners of another's payload", () => {
    // @ts-expect-error there is no such event
    client.on("message_deleted", () => {});
    // @ts-expect-error it has a message
    client.on("new_message", (payload: { thread: Thread }) => payload);
  });
});

describe("the maps for a Socket of socket.io-client", () => {
  type Messaging = Socket<ServerToClientEvents<"/messaging">, ClientToServerEvents<"/messaging">>;
  type Presences = Socket<ServerToClientEvents<"/presence">, ClientToServerEvents<"/presence">>;

  it("know each namespace's events", () => {
    expectTypeOf<ServerToClientEvents<"/messaging">["new_message"]>().parameters.toEqualTypeOf<
      [{ message: Message }]
    >();
    expectTypeOf<ServerToClientEvents<"/presence">>().not.toHaveProperty("new_message");
    expectTypeOf<ServerToClientEvents<"/messaging">>().not.toHaveProperty("user_status_update");
    expectTypeOf<keyof ServerToClientEvents>().toEqualTypeOf<EventName>();
  });

  it("know each namespace's operations, with the envelope in the ack", () => {
    expectTypeOf<keyof ClientToServerEvents>().toEqualTypeOf<OperationName>();
    expectTypeOf<ClientToServerEvents<"/presence">>().not.toHaveProperty("send_message");
    expectTypeOf<NonNullable<Parameters<ClientToServerEvents<"/messaging">["get_thread"]>[1]>>()
      .parameter(0)
      .toEqualTypeOf<Answer<Thread>>();
  });

  it("type a socket", () => {
    const typed = (messaging: Messaging, presences: Presences) => {
      messaging.on("new_message", ({ message }) => expectTypeOf(message).toEqualTypeOf<Message>());
      messaging.emit("send_message", { thread_id: "t1", content: "Hola" }, (answer) => {
        if (answer.ok) expectTypeOf(answer.data).toEqualTypeOf<Message>();
        else expectTypeOf(answer.error.code).toBeString();
      });
      // @ts-expect-error not on this namespace
      presences.emit("send_message", { thread_id: "t1", content: "Hola" });
    };
    expectTypeOf(typed).toBeFunction();
  });
});
