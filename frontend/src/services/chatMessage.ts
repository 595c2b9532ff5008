import type { Message, UserId } from "../types/generated/contract";
import { Failure, isErrorCode } from "./failure";
import { type Floors, isSameUser, stateOf } from "./receipts";
import type { ChatMessage, OutboxEntry } from "./types";

/**
 * What a message is known by while it is sent and afterwards. Others choose their `client_message_id` themselves, so
 * that of theirs never counts: it could be the copy of one of ours.
 */
export function keyOf(message: Message, me: UserId | null): string {
  return isSameUser(message.sender_id, me) ? (message.client_message_id ?? message.id) : message.id;
}

/** A stored message as it is shown. */
export function toChatMessage(message: Message, me: UserId | null, floors: Floors): ChatMessage {
  const mine = isSameUser(message.sender_id, me);
  const state = mine ? stateOf(message.seq, message.is_read, floors) : "sent";
  const { rev: _rev, ...rest } = message;
  return { ...rest, is_read: message.is_read || state === "read", key: keyOf(message, me), mine, state, error: null };
}

/** A message on its way as it is shown. */
export function entryToChatMessage(entry: OutboxEntry, senderName: string | null): ChatMessage {
  const { code, message } = entry.error ?? {};
  const error = message === undefined ? null : new Failure(isErrorCode(code) ? code : "internal", message, false);
  return {
    id: entry.clientMessageId,
    content: entry.content,
    sender_id: entry.userId,
    sender_name: senderName,
    thread_id: entry.threadId,
    sent_at: entry.createdAt,
    is_read: false,
    seq: null,
    kind: "user",
    client_message_id: entry.clientMessageId,
    edited_at: null,
    deleted_at: null,
    expires_at: null,
    reply_to: null,
    reactions: [],
    attachments: [],
    key: entry.clientMessageId,
    mine: true,
    state: error === null ? "sending" : "failed",
    error,
  };
}
