import type { Message, OperationName, Operations, UserId } from "../types/generated/contract";
import { isLasting, toFailure } from "./failure";
import { askHttp, type HttpAccess, type HttpOperation } from "./http";
import type { HistoryCursor, RealtimeClient } from "./types";
import { uuid } from "./uuid";

type Response<Name extends OperationName> = Promise<Operations[Name]["response"]>;

/** Threads and messages by plain calls, for code that wants neither stores nor hooks. Each rejects with a RealtimeFailure. */
export interface MessageService {
  /** A page of threads, newest activity first. */
  getThreads(cursor?: string | null, limit?: number): Response<"list_threads">;
  getThread(threadId: string): Response<"get_thread">;
  /** A page of messages, ascending; without a cursor the latest. */
  getMessages(threadId: string, cursor?: HistoryCursor, limit?: number): Response<"get_history">;
  createThread(request: Operations["create_thread"]["request"]): Response<"create_thread">;
  /** Give the same `clientMessageId` to send the same message again after a failure: it is stored once. */
  sendMessage(threadId: string, content: string, clientMessageId?: string): Promise<Message>;
  /** Reads up to a message, or all. */
  markAsRead(threadId: string, messageId?: string): Response<"mark_as_read">;
  /** Reads up to the newest of some messages (100 at most). */
  markMessagesAsRead(threadId: string, messageIds: readonly string[]): Response<"mark_as_read">;
  markAsDelivered(threadId: string, seq: number): Response<"mark_delivered">;
  searchPeople(query: string, cursor?: string | null, limit?: number): Response<"list_people">;
  getPresence(userIds: readonly UserId[]): Response<"get_presence">;
}

const accesses = new WeakMap<RealtimeClient, HttpAccess>();

/** Lets a service of this client ask over HTTP while it is not connected. */
export function rememberAccess(client: RealtimeClient, access: HttpAccess): void {
  accesses.set(client, access);
}

/**
 * Makes the service: of a client, over its socket while that is connected and else over HTTP; or of an address and a
 * token alone, over HTTP.
 */
export function createMessageService(source: RealtimeClient | HttpAccess): MessageService {
  return serviceOf("ask" in source ? askOf(source) : (name, request) => askHttp(source, name, request));
}

type Ask = <Name extends HttpOperation>(name: Name, request: Operations[Name]["request"]) => Response<Name>;

function askOf(client: RealtimeClient): Ask {
  return async (name, request) => {
    const access = accesses.get(client);
    const isOnline = client.connection.getSnapshot().status === "online";
    if (isOnline || access === undefined) {
      try {
        return await client.ask(name, request);
      } catch (thrown) {
        const { code } = toFailure(thrown);
        // Whatever became of the first, a repetition does not double it: operations are positions, or carry their key.
        if (access === undefined || (code !== "offline" && code !== "timeout")) throw thrown;
      }
    }
    return askHttp(access, name, request);
  };
}

function serviceOf(ask: Ask): MessageService {
  return {
    getThreads: (cursor = null, limit) => ask("list_threads", withLimit({ cursor }, limit)),
    getThread: (threadId) => ask("get_thread", { thread_id: threadId }),
    getMessages: (threadId, cursor = {}, limit) =>
      ask("get_history", withLimit({ thread_id: threadId, ...cursor }, limit)),
    createThread: (request) => ask("create_thread", request),
    sendMessage: (threadId, content, clientMessageId = uuid()) =>
      sendTwice(ask, { thread_id: threadId, content, client_message_id: clientMessageId }),
    markAsRead: (threadId, messageId) => ask("mark_as_read", { thread_id: threadId, message_id: messageId ?? null }),
    async markMessagesAsRead(threadId, messageIds) {
      const marks = await Promise.all(
        messageIds.map((messageId) => ask("mark_as_read", { thread_id: threadId, message_id: messageId })),
      );
      // Positions never go back, whatever the order was.
      const farthest = marks.sort((one, other) => other.read_seq - one.read_seq)[0];
      return farthest ?? ask("mark_as_read", { thread_id: threadId });
    },
    markAsDelivered: (threadId, seq) => ask("mark_delivered", { thread_id: threadId, seq }),
    searchPeople: (query, cursor = null, limit) =>
      ask("list_people", withLimit({ query: query === "" ? null : query, cursor }, limit)),
    getPresence: (userIds) => ask("get_presence", { user_ids: [...userIds] }),
  };
}

/** A send that nobody answered is sent once more: with the same key that is safe. */
async function sendTwice(ask: Ask, request: Operations["send_message"]["request"]): Promise<Message> {
  try {
    return await ask("send_message", request);
  } catch (thrown) {
    if (isLasting(toFailure(thrown))) throw thrown;
    return ask("send_message", request);
  }
}

function withLimit<Request extends object>(request: Request, limit: number | undefined): Request & { limit?: number } {
  return limit === undefined ? request : { ...request, limit };
}
