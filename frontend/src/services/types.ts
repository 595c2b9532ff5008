/**
 * What the services give to hooks and to apps without React. No React, no DOM beyond what is injected.
 *
 * Objects of the wire keep their names (snake_case, generated from the server's contract); what we add is camelCase.
 */
import type {
  ErrorBody,
  ErrorCode,
  EventName,
  Events,
  HistoryPage,
  Message,
  Namespace,
  Notification,
  NotificationEvent,
  OperationName,
  Operations,
  Presence,
  Thread,
  User,
  UserId,
} from "../types/generated/contract";

/** The shape that `useSyncExternalStore` takes. A snapshot never changes; a change makes a new one. */
export interface Store<Snapshot> {
  subscribe(listener: () => void): () => void;
  getSnapshot(): Snapshot;
}

/** A failure with a code to branch on. `timeout` and `offline` are ours: the server never answered. */
export interface RealtimeFailure extends Error {
  readonly code: ErrorCode | "timeout" | "offline";
  readonly retryable: boolean;
  readonly details: ErrorBody["details"];
}

// --- Connection -----------------------------------------------------------------------------------------------

/**
 * idle: not started, or stopped. connecting: an attempt is under way. online: every namespace is connected.
 * waiting: between two attempts, until `retryAt`. refused: the server will not have us with this token (`error` says
 * why); only `retryNow()` or a new start goes on.
 */
export type ConnectionStatus = "idle" | "connecting" | "online" | "waiting" | "refused";

export interface ConnectionState {
  readonly status: ConnectionStatus;
  /** Attempts since the connection was last whole. */
  readonly attempt: number;
  /** When the next attempt begins (ms since the epoch), while waiting. */
  readonly retryAt: number | null;
  readonly error: RealtimeFailure | null;
  /** True from the first time that the connection was whole: before it an app shows loading, after it a banner. */
  readonly wasOnline: boolean;
  /** What the server works without at present (`cluster`: others are heard late); null: nothing is amiss. */
  readonly degraded: string | null;
}

/** Why a token is asked for: a kept one will do for `connect`; the other two need a newer one. */
export type TokenReason = "connect" | "expiring" | "refused";

export interface RealtimeClientOptions {
  /** Where the server is; by default the page's own origin. */
  readonly url?: string;
  readonly getToken: (reason: TokenReason) => string | Promise<string>;
  /**
   * Whose tokens these are, if it is known beforehand: then drafts are there, and messages can be written and are kept,
   * before there is a first connection. The server has the last word.
   */
  readonly userId?: UserId;
  /** Language of the server's error messages. Default: what the person chose on the server. */
  readonly locale?: "es" | "en";
  /** Default: `/messaging`, `/notifications`, `/presence`. Add `/threads` for a client of single conversations. */
  readonly namespaces?: readonly Namespace[];
  readonly transports?: readonly ("polling" | "websocket")[];
  readonly backoff?: { readonly firstMs: number; readonly longestMs: number };
  /** An answer that takes longer means that the line is dead. Default 10,000. */
  readonly answerMs?: number;
  /** Where unsent messages wait. Default: IndexedDB, or memory where there is none. */
  readonly outboxStorage?: OutboxStorage;
  /** Whether the person can see the app now. Default: `document.visibilityState`. */
  readonly visibility?: Visibility;
}

export interface Visibility {
  isVisible(): boolean;
  subscribe(listener: () => void): () => void;
}

// --- Messages -------------------------------------------------------------------------------------------------

/** waiting for the server, stored, on the other's device, read by everyone, refused (retry or discard). */
export type DeliveryState = "sending" | "sent" | "delivered" | "read" | "failed";

/** A message as shown: stored, or still on its way. */
export interface ChatMessage extends Omit<Message, "seq" | "rev"> {
  /** Stays the same when a message on its way is stored: `client_message_id`, else the id. */
  readonly key: string;
  /** null until stored. */
  readonly seq: number | null;
  readonly mine: boolean;
  /** For one's own messages; of others' it says nothing and is "sent". */
  readonly state: DeliveryState;
  /** Why it failed. */
  readonly error: RealtimeFailure | null;
}

/** The loaded stretch of a thread's messages, always without a gap. */
export interface HistoryState {
  /** Ascending by seq; the ones on their way follow, if the stretch reaches the latest. */
  readonly messages: readonly ChatMessage[];
  /** False until the first page came. */
  readonly loaded: boolean;
  readonly hasMoreBefore: boolean;
  readonly hasMoreAfter: boolean;
}

export type HistoryCursor =
  | { readonly before_seq: number }
  | { readonly after_seq: number }
  | { readonly around_seq: number }
  | Record<string, never>;

export interface History extends Store<HistoryState> {
  /** Loads a page and joins it to the stretch; one that does not touch the stretch replaces it. `{}`: the latest. */
  load(cursor: HistoryCursor, limit?: number): Promise<HistoryPage>;
}

/** What a send is remembered as until the server has it. */
export interface OutboxEntry {
  readonly clientMessageId: string;
  readonly userId: UserId;
  readonly threadId: string;
  readonly content: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Set once the server refused it for good. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface OutboxStorage {
  all(userId: UserId): Promise<OutboxEntry[]>;
  put(entry: OutboxEntry): Promise<void>;
  remove(clientMessageId: string): Promise<void>;
}

// --- Threads, people, presence --------------------------------------------------------------------------------

export interface ThreadsState {
  /** Newest activity first. */
  readonly threads: readonly Thread[];
  /** loading: nothing yet. error: nothing yet, and the first load failed. */
  readonly status: "loading" | "ready" | "error";
  readonly error: RealtimeFailure | null;
  readonly hasMore: boolean;
  /** Unread messages in all threads, also in those not loaded. */
  readonly totalUnread: number;
}

export interface Threads extends Store<ThreadsState> {
  /** The one thread if it is known. */
  get(threadId: string): Thread | undefined;
  /** Fetches one that is not among the loaded (a deep link). */
  fetch(threadId: string): Promise<Thread>;
  loadMore(): Promise<void>;
  /** Loads anew, after an error. */
  reload(): Promise<void>;
  create(request: Operations["create_thread"]["request"]): Promise<Thread>;
}

export interface PresenceState {
  /** By `String(user_id)`. Whoever is missing is not known (yet). */
  readonly users: ReadonlyMap<string, Presence>;
}

export interface PresenceStore extends Store<PresenceState> {
  /** Asks for those not known yet; live from then on. */
  ensure(userIds: readonly UserId[]): void;
}

export interface TypingUser {
  readonly userId: UserId;
  readonly userName: string;
  readonly threadId: string;
}

export interface TypingState {
  readonly users: readonly TypingUser[];
}

// --- Notifications and settings -------------------------------------------------------------------------------

export interface NotificationsState {
  /** Newest first, without the cleared ones. */
  readonly notifications: readonly Notification[];
  readonly status: "loading" | "ready" | "error";
  readonly error: RealtimeFailure | null;
  readonly hasMore: boolean;
  readonly unreadCount: number;
}

export interface Notifications extends Store<NotificationsState> {
  loadMore(): Promise<void>;
  reload(): Promise<void>;
  markRead(notificationId: string): Promise<void>;
  markAllRead(): Promise<void>;
  clear(notificationId: string): Promise<void>;
  /** Told once for each notification that arrives live (not for those fetched). */
  onArrival(listener: (notification: NotificationEvent) => void): () => void;
}

/** What the server keeps for a person; equal on all devices. Its operations: get_settings, update_settings. */
export interface PersonSettings {
  readonly locale: "es" | "en" | null;
  readonly sound: boolean;
  readonly push_messages: boolean;
  readonly push_notifications: "all" | "urgent" | "none";
  readonly push_preview: boolean;
  readonly push: {
    /** VAPID, base64url; null where the server sends no push. */
    readonly public_key: string | null;
    readonly devices: readonly { readonly id: string; readonly name: string | null; readonly created_at: string }[];
  };
}

export type SettingsChange = Partial<Omit<PersonSettings, "push">>;

export interface Settings extends Store<PersonSettings | null> {
  /** Shown at once, undone if the server refuses. */
  update(change: SettingsChange): Promise<void>;
}

/** Kept on this device, per person and thread; survive a reload. */
export interface Drafts {
  get(threadId: string): string;
  set(threadId: string, text: string): void;
}

// --- The client -----------------------------------------------------------------------------------------------

/** Everything of one signed-in person: one connection, and stores that follow the server. */
export interface RealtimeClient {
  readonly connection: Store<ConnectionState>;
  /** Who we are, from the first `connection_established` on. */
  readonly me: Store<UserId | null>;
  readonly threads: Threads;
  readonly presence: PresenceStore;
  readonly typing: Store<TypingState>;
  readonly notifications: Notifications;
  readonly settings: Settings;
  readonly drafts: Drafts;
  history(threadId: string): History;

  start(): void;
  /** Closes the connection and forgets what it held in memory. The outbox stays. */
  stop(): void;
  /** Does not wait for `retryAt`. */
  retryNow(): void;

  /** Any operation, typed. Rejects with a RealtimeFailure. */
  ask<Name extends OperationName>(
    name: Name,
    request: Operations[Name]["request"],
  ): Promise<Operations[Name]["response"]>;
  /** Any event, typed. Returns how to stop listening. */
  on<Name extends EventName>(name: Name, listener: (payload: Events[Name]) => void): () => void;
  /** A message of someone else arrived live: told once (for sounds and alerts). */
  onMessage(listener: (message: Message) => void): () => void;

  /**
   * Shown at once, kept until the server has it, sent once whatever happens to this page. Resolves when stored. Rejects
   * as long as it is not known who we are.
   */
  send(threadId: string, content: string): Promise<Message>;
  /** Tries a failed message again; gives it up. */
  retry(key: string): void;
  discard(key: string): void;

  /** Reads up to a message, or all of a thread. */
  markRead(threadId: string, messageId?: string): Promise<void>;
  /** To hear who types in a thread; counted, so that two callers may join the same. */
  join(threadId: string): () => void;
  /** Call it on every keystroke: what goes out is bounded. Stops by itself. */
  startTyping(threadId: string): void;
  stopTyping(threadId: string): void;
  people(query: string, cursor?: string | null): Promise<{ people: User[]; next_cursor: string | null }>;
}
