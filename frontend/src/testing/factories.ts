import type { ChatMessage } from "../services/types";
import type { Message, Notification, Participant, Presence, Settings, Thread, User } from "../types/generated/contract";

/** María, whom tests sign in as unless they say otherwise. */
export const ME = 1;
/** Juan, the other one of `aThread()`. */
export const OTHER = 2;

const NOW = "2026-11-24T12:00:00.000Z";

/** A stored message of the wire, by default Juan's first one in `t1`. */
export function aMessage(changes: Partial<Message> = {}): Message {
  const seq = changes.seq ?? 1;
  return {
    id: `m${seq}`,
    content: `Message ${seq}`,
    sender_id: OTHER,
    sender_name: "Juan Pérez",
    thread_id: "t1",
    sent_at: NOW,
    is_read: false,
    seq,
    rev: seq + 1,
    kind: "user",
    client_message_id: null,
    edited_at: null,
    deleted_at: null,
    expires_at: null,
    reply_to: null,
    reactions: [],
    attachments: [],
    ...changes,
  };
}

/** A message as the history store shows it. */
export function aChatMessage(changes: Partial<ChatMessage> = {}): ChatMessage {
  const { rev: _rev, ...message } = aMessage({ seq: changes.seq ?? 1 });
  const whole = { ...message, mine: false, state: "sent" as const, error: null, ...changes };
  return { ...whole, key: changes.key ?? whole.client_message_id ?? whole.id };
}

/** A participant, by default Juan, who has read nothing yet. */
export function aParticipant(changes: Partial<Participant> = {}): Participant {
  return {
    user_id: OTHER,
    display_name: "Juan Pérez",
    avatar_url: null,
    role: "member",
    read_seq: 0,
    read_at: null,
    delivered_seq: 0,
    delivered_at: null,
    joined_at: NOW,
    ...changes,
  };
}

/** A direct thread `t1` of María and Juan. */
export function aThread(changes: Partial<Thread> = {}): Thread {
  const participants = changes.participants ?? [
    aParticipant({ user_id: ME, display_name: "María García" }),
    aParticipant(),
  ];
  return {
    id: "t1",
    kind: "direct",
    title: null,
    subject: null,
    created_by: ME,
    created_at: NOW,
    activity_at: NOW,
    last_seq: 0,
    rev: 1,
    participant_count: participants.length,
    participants,
    last_message: null,
    unread_count: 0,
    ...changes,
  };
}

/** A person, by default Juan. */
export function aUser(changes: Partial<User> = {}): User {
  return { id: OTHER, display_name: "Juan Pérez", avatar_url: null, locale: null, ...changes };
}

/** Presence, by default Juan's, online. */
export function aPresence(changes: Partial<Presence> = {}): Presence {
  return { user_id: OTHER, user_name: "Juan Pérez", is_online: true, last_seen: NOW, state: "online", ...changes };
}

/** An unread notification. */
export function aNotification(changes: Partial<Notification> = {}): Notification {
  return {
    id: "n1",
    title: "Rent paid",
    message: "The rent of November was paid.",
    priority: "medium",
    action_url: null,
    timestamp: NOW,
    read_at: null,
    cleared_at: null,
    rev: 1,
    ...changes,
  };
}

/** Settings as the server has them for someone who changed nothing. */
export function someSettings(changes: Partial<Settings> = {}): Settings {
  return {
    locale: null,
    sound: true,
    push_messages: true,
    push_notifications: "all",
    push_preview: true,
    push: { public_key: null, devices: [] },
    ...changes,
  };
}
