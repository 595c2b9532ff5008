// Generated from the server's contract by `make contract`. Do not edit.

/**
 * A number where it looks like one, else text. Both forms are read.
 */
export type UserId = number | string;
export type ErrorCode =
  | "invalid_payload"
  | "unknown_operation"
  | "unauthenticated"
  | "token_expired"
  | "revoked"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "payload_too_large"
  | "rate_limited"
  | "unavailable"
  | "internal";

/**
 * Why the server ends the connection, and whether and when to come back.
 */
export interface ConnectionClosingEvent {
  code: string;
  retryable: boolean;
  reconnect_after_ms: number | null;
}
/**
 * The first event of a connection.
 */
export interface ConnectionEstablishedEvent {
  message: string;
  user_id: UserId;
  session_id: string;
  server_time: string;
  heartbeat_interval_s: number;
  reconnect_attempts: number;
  recovered: boolean;
}
/**
 * The thread to open; the caller need not name themselves.
 */
export interface CreateThreadRequest {
  kind: "direct" | "group";
  /**
   * @minItems 1
   * @maxItems 5000
   */
  participant_ids: UserId[];
  title?: string | null;
  subject?: SubjectRequest | null;
}
/**
 * What a thread is about.
 */
export interface SubjectRequest {
  type: string;
  id: string;
  title: string;
  url?: string | null;
  image_url?: string | null;
}
/**
 * How far the actor's devices have received.
 */
export interface DeliveredPosition {
  thread_id: string;
  delivered_seq: number;
}
/**
 * A browser that gets pushes.
 */
export interface Device {
  id: string;
  name: string | null;
  created_at: string;
}
/**
 * An empty object.
 */
export interface Done {}
/**
 * Branch on `code` alone.
 */
export interface ErrorBody {
  code: ErrorCode;
  /**
   * For people, in the caller's language.
   */
  message: string;
  details: {
    [k: string]: unknown;
  };
  /**
   * The same request may succeed later.
   */
  retryable: boolean;
  request_id: string;
}
/**
 * A refusal without an ack to carry it.
 */
export interface ErrorEvent {
  op: string;
  code: ErrorCode;
  message: string;
  details: {
    [k: string]: unknown;
  };
  retryable: boolean;
  request_id: string;
}
/**
 * A stretch of history; at most one of the anchors.
 */
export interface GetHistoryRequest {
  thread_id: string;
  before_seq?: number | null;
  after_seq?: number | null;
  around_seq?: number | null;
  limit?: number;
}
/**
 * People to look for.
 */
export interface GetPresenceRequest {
  /**
   * @minItems 1
   * @maxItems 500
   */
  user_ids: UserId[];
}
/**
 * Nothing to say.
 */
export interface GetSettingsRequest {}
/**
 * Nothing to say.
 */
export interface GetStatsRequest {}
/**
 * Alive, and whether in sight.
 */
export interface HeartbeatRequest {
  timestamp?: string | number | boolean | null;
  visible?: boolean | null;
}
/**
 * The server's clock, and the client's timestamp as given.
 */
export interface HeartbeatResult {
  server_time: string;
  timestamp: string | number | boolean | null;
}
/**
 * A stretch of messages, ascending by `seq`.
 */
export interface HistoryPage {
  messages: Message[];
  has_more_before: boolean;
  has_more_after: boolean;
}
/**
 * A message. The last keys are null or empty until the features behind them exist; they are always there.
 */
export interface Message {
  id: string;
  content: string;
  sender_id: UserId | null;
  sender_name: string | null;
  thread_id: string;
  sent_at: string;
  is_read: boolean;
  seq: number;
  rev: number;
  kind: "user" | "system";
  client_message_id: string | null;
  edited_at: null;
  deleted_at: null;
  expires_at: null;
  reply_to: null;
  reactions: unknown[];
  attachments: unknown[];
}
/**
 * A page of notifications.
 */
export interface ListNotificationsRequest {
  cursor?: string | null;
  limit?: number;
}
/**
 * People by a part of their name.
 */
export interface ListPeopleRequest {
  query?: string | null;
  cursor?: string | null;
  limit?: number;
}
/**
 * A page of threads.
 */
export interface ListThreadsRequest {
  cursor?: string | null;
  limit?: number;
}
/**
 * Nothing to say.
 */
export interface MarkAllNotificationsReadRequest {}
/**
 * How far the device has received.
 */
export interface MarkDeliveredRequest {
  thread_id: string;
  seq: number;
}
/**
 * Up to 100 messages of one thread.
 */
export interface MarkMessagesReadRequest {
  /**
   * @minItems 1
   * @maxItems 100
   */
  message_ids: string[];
  thread_id?: string | null;
}
/**
 * A message, or a thread (to its last message).
 */
export interface MarkReadRequest {
  thread_id?: string | null;
  message_id?: string | null;
}
/**
 * All up to `delivered_seq` has reached a participant's device.
 */
export interface MessageDeliveredReceiptEvent {
  thread_id: string;
  user_id: UserId;
  user_name: string;
  delivered_seq: number;
  delivered_at: string;
  rev: number;
}
/**
 * A participant has read all up to `read_seq`; `unread_count` is the reader's.
 */
export interface MessageReadReceiptEvent {
  message_id: string | null;
  message_ids: string[];
  thread_id: string;
  read_by: string;
  reader_id: UserId;
  read_at: string;
  read_seq: number;
  unread_count: number;
  rev: number;
}
/**
 * A message was stored.
 */
export interface NewMessageEvent {
  message: Message;
}
/**
 * A notification.
 */
export interface Notification {
  id: string;
  title: string;
  message: string;
  priority: "low" | "medium" | "high" | "urgent";
  action_url: string | null;
  timestamp: string;
  read_at: string | null;
  cleared_at: string | null;
  rev: number;
}
/**
 * What changed in the notification centre; `more`: ask again from `rev`.
 */
export interface NotificationChanges {
  rev: number;
  items: Notification[];
  more: boolean;
  unread_count: number;
}
/**
 * A notification, and how many are now unread.
 */
export interface NotificationEvent {
  id: string;
  title: string;
  message: string;
  priority: "low" | "medium" | "high" | "urgent";
  action_url: string | null;
  timestamp: string;
  read_at: string | null;
  cleared_at: string | null;
  rev: number;
  unread_count: number;
}
/**
 * One page of notifications.
 */
export interface NotificationPage {
  notifications: Notification[];
  next_cursor: string | null;
  unread_count: number;
  rev: number;
}
/**
 * A notification.
 */
export interface NotificationRequest {
  notification_id: string;
}
/**
 * Notifications were read or cleared: those named, or all.
 */
export interface NotificationUpdatedEvent {
  notification_ids: string[];
  all: boolean;
  read_at: string | null;
  cleared_at: string | null;
  unread_count: number;
  rev: number;
}
/**
 * How the notification centre stands after a change.
 */
export interface NotificationsUpdated {
  unread_count: number;
  rev: number;
}
/**
 * The notifications that were stored.
 */
export interface Notified {
  notifications: Notification[];
}
/**
 * A notification for one user, several, or a thread.
 */
export interface NotifyRequest {
  user_id?: UserId | null;
  /**
   * @minItems 1
   * @maxItems 1000
   */
  user_ids?: UserId[] | null;
  thread_id?: string | null;
  title: string;
  message: string;
  priority?: "low" | "medium" | "high" | "urgent";
  action_url?: string | null;
}
/**
 * A user's place in a thread.
 */
export interface Participant {
  user_id: UserId;
  display_name: string;
  avatar_url: string | null;
  role: "owner" | "member";
  read_seq: number;
  read_at: string | null;
  delivered_seq: number;
  delivered_at: string | null;
  joined_at: string;
}
/**
 * One page of people.
 */
export interface PeoplePage {
  people: User[];
  next_cursor: string | null;
}
/**
 * A person. When they were last seen is told by presence alone, to those who may know.
 */
export interface User {
  id: UserId;
  display_name: string;
  avatar_url: string | null;
  locale: "es" | "en" | null;
}
/**
 * Timestamp to echo, and the revisions that the client holds.
 */
export interface PingRequest {
  timestamp?: string | number | boolean | null;
  heads?: {
    [k: string]: number;
  } | null;
}
/**
 * Threads in which the client is behind.
 */
export interface PingResult {
  behind: string[];
}
/**
 * The timestamp of the `ping`, as given.
 */
export interface PongEvent {
  timestamp: string | number | boolean | null;
}
/**
 * A message for a participant, or of the system.
 */
export interface PostMessageRequest {
  thread_id: string;
  content: string;
  sender_id?: UserId | null;
  client_message_id?: string | null;
}
/**
 * Whether a person is there.
 */
export interface Presence {
  user_id: UserId;
  user_name: string;
  is_online: boolean;
  last_seen: string | null;
  state: "online" | "away" | "offline";
}
/**
 * Presence of those who were asked for and may be seen.
 */
export interface PresenceList {
  users: Presence[];
}
/**
 * A browser's keys, as `PushSubscription.toJSON()` has them.
 */
export interface PushKeysRequest {
  p256dh: string;
  auth: string;
}
/**
 * What a service worker gets, as the JSON text of a push.
 */
export interface PushPayload {
  type: "message" | "notification";
  id: string;
  thread_id: string | null;
  title: string;
  body: string;
  tag: string;
  url: string;
  urgent: boolean;
  timestamp: string;
  locale: "es" | "en";
}
/**
 * The key to subscribe with (null: this server does not push), and the devices that did.
 */
export interface PushState {
  public_key: string | null;
  devices: Device[];
}
/**
 * A person's name, picture and language. Left out, there is no picture, and the language stays what it is.
 */
export interface PutUserRequest {
  user_id: UserId;
  display_name: string;
  avatar_url?: string | null;
  locale?: "es" | "en" | null;
}
/**
 * How far the actor has read.
 */
export interface ReadPosition {
  thread_id: string;
  read_seq: number;
  unread_count: number;
}
/**
 * How far a participant has read and received.
 */
export interface Receipt {
  user_id: UserId;
  user_name: string;
  read_seq: number;
  read_at: string | null;
  delivered_seq: number;
  delivered_at: string | null;
  rev: number;
}
/**
 * A newer token of the same user.
 */
export interface RefreshTokenRequest {
  token: string;
}
/**
 * A token, or a user and a moment.
 */
export interface RevokeTokensRequest {
  jti?: string | null;
  user_id?: UserId | null;
  issued_before?: string | null;
}
/**
 * A message of 1 to `MAX_MESSAGE_CHARS` code points (4,000 unless configured otherwise).
 */
export interface SendMessageRequest {
  thread_id: string;
  content: string;
  client_message_id?: string | null;
}
/**
 * What does not work at present: `cluster`, people connected to other processes are heard late.
 */
export interface ServiceDegradedEvent {
  reason: string;
}
/**
 * Nothing to say.
 */
export interface ServiceRestoredEvent {}
/**
 * A person's settings, alike on all of their devices.
 */
export interface Settings {
  locale: "es" | "en" | null;
  sound: boolean;
  push_messages: boolean;
  push_notifications: "all" | "urgent" | "none";
  push_preview: boolean;
  push: PushState;
}
/**
 * The person's settings, as `get_settings` answers them.
 */
export interface SettingsUpdatedEvent {
  settings: Settings;
}
/**
 * How busy the answering process is.
 */
export interface Stats {
  active_connections: number;
  online_users: number;
  total_messages_sent: number;
  uptime_s: number;
}
/**
 * What a thread is about.
 */
export interface Subject {
  type: string;
  id: string;
  title: string;
  url: string | null;
  image_url: string | null;
}
/**
 * A browser's push subscription, and what to call the device.
 */
export interface SubscribePushRequest {
  endpoint: string;
  keys: PushKeysRequest;
  device_name?: string | null;
}
/**
 * The revisions from which to catch up; 0 means from the beginning.
 */
export interface SyncRequest {
  threads?: {
    [k: string]: number;
  } | null;
  notifications?: number | null;
}
/**
 * Changes by thread id, and of the notification centre if asked for (else null).
 */
export interface SyncResult {
  threads: {
    [k: string]: ThreadChanges;
  };
  notifications: NotificationChanges | null;
}
/**
 * What changed in a thread; `removed`: forget it; `more`: ask again from `rev`.
 */
export interface ThreadChanges {
  rev: number;
  thread: Thread | null;
  messages: Message[];
  receipts: Receipt[];
  unread_count: number;
  removed: boolean;
  more: boolean;
}
/**
 * A thread as the actor sees it. Of a large thread's participants the first 100 by time of joining are listed.
 */
export interface Thread {
  id: string;
  kind: "direct" | "group";
  title: string | null;
  subject: Subject | null;
  created_by: UserId | null;
  created_at: string;
  activity_at: string;
  last_seq: number;
  rev: number;
  participant_count: number;
  participants: Participant[];
  last_message: Message | null;
  unread_count: number;
}
/**
 * A thread was opened.
 */
export interface ThreadCreatedEvent {
  thread: Thread;
}
/**
 * One page of threads.
 */
export interface ThreadPage {
  threads: Thread[];
  next_cursor: string | null;
  total_unread: number;
}
/**
 * A thread.
 */
export interface ThreadRequest {
  thread_id: string;
}
/**
 * Until when the connection may now live.
 */
export interface TokenAccepted {
  expires_at: string;
}
/**
 * When the token's time is over.
 */
export interface TokenExpiringEvent {
  expires_at: string;
}
/**
 * A participant began or stopped typing.
 */
export interface TypingNotificationEvent {
  user_id: UserId;
  user_name: string;
  thread_id: string;
  is_typing: boolean;
}
/**
 * A device, by its id or by its endpoint.
 */
export interface UnsubscribePushRequest {
  endpoint?: string | null;
  device_id?: string | null;
}
/**
 * What to change, at least one; what is left out stays. A `locale` of null means the server's own.
 */
export interface UpdateSettingsRequest {
  locale?: "es" | "en" | null;
  sound?: boolean;
  push_messages?: boolean;
  push_notifications?: "all" | "urgent" | "none";
  push_preview?: boolean;
}
/**
 * A user.
 */
export interface UserRequest {
  user_id: UserId;
}
/**
 * A person's name or picture changed.
 */
export interface UserUpdatedEvent {
  user: User;
}

/** What an operation is answered with, on every transport. */
export type Success<Data> = { ok: true; data: Data };
export type Failure = { ok: false; error: ErrorBody };
export type Answer<Data> = Success<Data> | Failure;

/** Every operation of a user: what it takes and what it answers. */
export interface Operations {
  ping: { request: PingRequest; response: PingResult };
  refresh_token: { request: RefreshTokenRequest; response: TokenAccepted };
  sync: { request: SyncRequest; response: SyncResult };
  list_threads: { request: ListThreadsRequest; response: ThreadPage };
  get_thread: { request: ThreadRequest; response: Thread };
  create_thread: { request: CreateThreadRequest; response: Thread };
  list_people: { request: ListPeopleRequest; response: PeoplePage };
  get_history: { request: GetHistoryRequest; response: HistoryPage };
  join_conversation: { request: ThreadRequest; response: Done };
  leave_conversation: { request: ThreadRequest; response: Done };
  join: { request: ThreadRequest; response: Thread };
  leave: { request: ThreadRequest; response: Done };
  send_message: { request: SendMessageRequest; response: Message };
  mark_as_read: { request: MarkReadRequest; response: ReadPosition };
  mark_messages_read: { request: MarkMessagesReadRequest; response: ReadPosition };
  mark_delivered: { request: MarkDeliveredRequest; response: DeliveredPosition };
  typing_start: { request: ThreadRequest; response: Done };
  typing_stop: { request: ThreadRequest; response: Done };
  list_notifications: { request: ListNotificationsRequest; response: NotificationPage };
  mark_notification_read: { request: NotificationRequest; response: NotificationsUpdated };
  mark_all_notifications_read: { request: MarkAllNotificationsReadRequest; response: NotificationsUpdated };
  clear_notification: { request: NotificationRequest; response: NotificationsUpdated };
  get_settings: { request: GetSettingsRequest; response: Settings };
  update_settings: { request: UpdateSettingsRequest; response: Settings };
  subscribe_push: { request: SubscribePushRequest; response: Device };
  unsubscribe_push: { request: UnsubscribePushRequest; response: Done };
  heartbeat: { request: HeartbeatRequest; response: HeartbeatResult };
  get_presence: { request: GetPresenceRequest; response: PresenceList };
}
export type OperationName = keyof Operations;

/** Every event: its one payload. */
export interface Events {
  connection_established: ConnectionEstablishedEvent;
  connection_closing: ConnectionClosingEvent;
  service_degraded: ServiceDegradedEvent;
  service_restored: ServiceRestoredEvent;
  error: ErrorEvent;
  pong: PongEvent;
  token_expiring: TokenExpiringEvent;
  new_message: NewMessageEvent;
  message_read_receipt: MessageReadReceiptEvent;
  message_delivered_receipt: MessageDeliveredReceiptEvent;
  thread_created: ThreadCreatedEvent;
  typing_notification: TypingNotificationEvent;
  user_updated: UserUpdatedEvent;
  user_status_update: Presence;
  general_notification: NotificationEvent;
  urgent_notification: NotificationEvent;
  notification_updated: NotificationUpdatedEvent;
  settings_updated: SettingsUpdatedEvent;
}
export type EventName = keyof Events;

/** Where each operation can be asked. */
export interface OperationsOfNamespace {
  "/messaging": "ping" | "refresh_token" | "sync" | "list_threads" | "get_thread" | "create_thread" | "list_people" | "get_history" | "join_conversation" | "leave_conversation" | "send_message" | "mark_as_read" | "mark_messages_read" | "mark_delivered" | "typing_start" | "typing_stop";
  "/notifications": "ping" | "refresh_token" | "sync" | "list_notifications" | "mark_notification_read" | "mark_all_notifications_read" | "clear_notification" | "get_settings" | "update_settings" | "subscribe_push" | "unsubscribe_push";
  "/presence": "ping" | "refresh_token" | "heartbeat" | "get_presence";
  "/threads": "ping" | "refresh_token" | "sync" | "get_thread" | "get_history" | "join" | "leave" | "send_message" | "mark_as_read" | "mark_messages_read" | "mark_delivered" | "typing_start" | "typing_stop";
}

/** Where each event is told. */
export interface EventsOfNamespace {
  "/messaging": "connection_established" | "connection_closing" | "service_degraded" | "service_restored" | "error" | "pong" | "token_expiring" | "new_message" | "message_read_receipt" | "message_delivered_receipt" | "thread_created" | "typing_notification" | "user_updated";
  "/notifications": "connection_established" | "connection_closing" | "service_degraded" | "service_restored" | "error" | "pong" | "token_expiring" | "general_notification" | "urgent_notification" | "notification_updated" | "settings_updated";
  "/presence": "connection_established" | "connection_closing" | "service_degraded" | "service_restored" | "error" | "pong" | "token_expiring" | "user_status_update";
  "/threads": "connection_established" | "connection_closing" | "service_degraded" | "service_restored" | "error" | "pong" | "token_expiring" | "new_message" | "message_read_receipt" | "message_delivered_receipt" | "typing_notification";
}
export type Namespace = keyof OperationsOfNamespace;

/** The maps that a typed `Socket` of socket.io-client takes: `Socket<ServerToClientEvents<N>, ClientToServerEvents<N>>`. */
export type ClientToServerEvents<N extends Namespace = Namespace> = {
  [Name in OperationsOfNamespace[N]]: (
    request: Operations[Name]["request"],
    ack?: (answer: Answer<Operations[Name]["response"]>) => void,
  ) => void;
};
export type ServerToClientEvents<N extends Namespace = Namespace> = {
  [Name in EventsOfNamespace[N]]: (payload: Events[Name]) => void;
};

/** Each error code: its HTTP status, the close code of a plain WebSocket, and whether trying again may help. */
export const ERRORS = {
  invalid_payload: { httpStatus: 422, closeCode: 4400, retryable: false },
  unknown_operation: { httpStatus: 404, closeCode: 4404, retryable: false },
  unauthenticated: { httpStatus: 401, closeCode: 4401, retryable: false },
  token_expired: { httpStatus: 401, closeCode: 4402, retryable: false },
  revoked: { httpStatus: 401, closeCode: 4403, retryable: false },
  forbidden: { httpStatus: 403, closeCode: 4403, retryable: false },
  not_found: { httpStatus: 404, closeCode: 4404, retryable: false },
  conflict: { httpStatus: 409, closeCode: 4400, retryable: false },
  payload_too_large: { httpStatus: 413, closeCode: 1009, retryable: false },
  rate_limited: { httpStatus: 429, closeCode: 4429, retryable: true },
  unavailable: { httpStatus: 503, closeCode: 4503, retryable: true },
  internal: { httpStatus: 500, closeCode: 1011, retryable: false },
} as const satisfies Record<ErrorCode, { httpStatus: number; closeCode: number; retryable: boolean }>;
