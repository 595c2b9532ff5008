import type { ConnectionEstablishedEvent, Message, UserId } from "../types/generated/contract";
import { CatchUp } from "./catchUp";
import { Connection, type ConnectionSeams } from "./connection";
import { Conversations } from "./conversations";
import { Delivery } from "./delivery";
import { createDrafts, type TextStorage } from "./drafts";
import { Emitter } from "./emitter";
import { handled, ignore } from "./failure";
import { Heartbeat } from "./heartbeat";
import { Joins } from "./joins";
import { rememberAccess } from "./messageService";
import { NotificationService } from "./notifications";
import { Outbox } from "./outbox";
import { defaultOutbox } from "./outboxStorage";
import { PresenceService } from "./presence";
import { Reading } from "./reading";
import { isSameUser } from "./receipts";
import { SettingsService } from "./settings";
import { ThreadService } from "./threads";
import type { Drafts, RealtimeClient, RealtimeClientOptions } from "./types";
import { TypingIn, TypingOut } from "./typing";
import { pageVisibility } from "./visibility";

/** So many messages are remembered as told. */
const TOLD = 500;

/** What a test replaces, beyond what every host may. */
export interface ClientSeams extends ConnectionSeams {
  readonly draftStorage?: TextStorage;
}

/** Makes the client of one person. It does nothing until `start()`. */
export function createRealtimeClient(options: RealtimeClientOptions, seams: ClientSeams = {}): RealtimeClient {
  const session = new Session(options, seams);
  const client = session.toClient();
  rememberAccess(client, options);
  return client;
}

/** The parts of a client, and what passes between them. */
class Session {
  readonly #userId: UserId | undefined;
  readonly #connection: Connection;
  readonly #conversations: Conversations;
  readonly #threads: ThreadService;
  readonly #catchUp: CatchUp;
  readonly #delivery: Delivery;
  readonly #reading: Reading;
  readonly #outbox: Outbox;
  readonly #joins: Joins;
  readonly #typingIn: TypingIn;
  readonly #typingOut: TypingOut;
  readonly #presence: PresenceService;
  readonly #notifications: NotificationService;
  readonly #settings: SettingsService;
  readonly #heartbeat: Heartbeat;
  readonly #drafts: Drafts;
  readonly #messages = new Emitter<Message>();
  /** Messages that came lately: of those that are not in the list yet, it cannot say whether they are news. */
  readonly #told = new Set<string>();

  constructor(options: RealtimeClientOptions, seams: ClientSeams) {
    const line = new Connection(options, seams);
    const conversations = new Conversations(line.ask);
    const me = () => conversations.me.getSnapshot();
    this.#userId = options.userId;
    this.#connection = line;
    this.#conversations = conversations;
    this.#threads = new ThreadService(line, conversations);
    this.#catchUp = new CatchUp(line, conversations, this.#threads);
    this.#delivery = new Delivery(line, conversations);
    this.#reading = new Reading(line, conversations);
    const storage = options.outboxStorage ?? defaultOutbox();
    this.#outbox = new Outbox({ line, conversations, catchUp: this.#catchUp, storage });
    this.#joins = new Joins(line, (thread) => conversations.adopt(thread));
    this.#typingIn = new TypingIn(me);
    this.#typingOut = new TypingOut(line);
    this.#presence = new PresenceService(line);
    this.#notifications = new NotificationService(line);
    this.#settings = new SettingsService(line);
    const lookouts = { catchUp: this.#catchUp, threads: this.#threads, notifications: this.#notifications };
    this.#heartbeat = new Heartbeat(line, conversations, lookouts, options.visibility ?? pageVisibility());
    this.#drafts = createDrafts(me, seams.draftStorage);
    this.#connect();
    this.#follow();
  }

  toClient(): RealtimeClient {
    const { state, on, ask } = this.#connection;
    const conversations = this.#conversations;
    return {
      connection: state,
      me: conversations.me,
      threads: this.#threads,
      presence: this.#presence,
      typing: this.#typingIn,
      notifications: this.#notifications,
      settings: this.#settings,
      drafts: this.#drafts,
      history: (threadId) => conversations.histories.of(threadId),
      start: () => this.#start(),
      stop: () => this.#stop(),
      retryNow: () => this.#connection.retryNow(),
      ask: (name, request) => handled(ask(name, request)),
      on,
      onMessage: this.#messages.on,
      send: (threadId, content) => {
        this.#typingOut.stop(threadId);
        return handled(this.#outbox.send(threadId, content));
      },
      retry: this.#outbox.retry,
      discard: this.#outbox.discard,
      markRead: (threadId, messageId) => handled(this.#reading.markRead(threadId, messageId)),
      join: this.#joins.join,
      startTyping: this.#typingOut.start,
      stopTyping: this.#typingOut.stop,
      people: (query, cursor = null) =>
        handled(ask("list_people", { query: query.trim() === "" ? null : query, cursor })),
    };
  }

  #start(): void {
    // What waits on this device can be shown before the server is reached.
    if (this.#userId !== undefined) this.#recognise(this.#userId);
    void this.#outbox.restore();
    this.#connection.start();
  }

  #stop(): void {
    this.#connection.stop();
    this.#forget();
  }

  /** What belongs to a person and is kept in memory. */
  #forget(): void {
    this.#heartbeat.stop();
    this.#catchUp.stop();
    this.#threads.stop();
    this.#outbox.clear();
    this.#delivery.clear();
    this.#reading.clear();
    this.#typingIn.clear();
    this.#typingOut.clear();
    this.#presence.clear();
    this.#notifications.stop();
    this.#settings.clear();
    this.#conversations.clear();
  }

  /** What passes between the parts. */
  #connect(): void {
    const { stored, received, behind, unknown } = this.#conversations;
    stored.on(this.#outbox.settle);
    received.on(this.#delivery.note);
    behind.on(this.#catchUp.soon);
    unknown.on(this.#threads.findSoon);
    this.#connection.whole.on((greeting) => this.#begin(greeting));
    this.#connection.lost.on(() => {
      this.#heartbeat.stop();
      this.#catchUp.stop();
      this.#notifications.lost();
      this.#delivery.lost();
      this.#typingIn.clear();
      this.#typingOut.clear();
    });
  }

  /** What the server tells. */
  #follow(): void {
    const { on } = this.#connection;
    on("connection_established", ({ user_id }) => this.#recognise(user_id));
    on("new_message", ({ message }) => this.#hearMessage(message));
    on("message_read_receipt", ({ thread_id, reader_id, read_seq, read_at, unread_count, rev }) => {
      const position = { user_id: reader_id, read_seq, read_at };
      this.#conversations.move({ threadId: thread_id, position, unreadCount: unread_count }, rev);
    });
    on("message_delivered_receipt", ({ thread_id, user_id, delivered_seq, delivered_at, rev }) => {
      this.#conversations.move({ threadId: thread_id, position: { user_id, delivered_seq, delivered_at } }, rev);
    });
    on("thread_created", ({ thread }) => this.#conversations.adopt(thread));
    on("user_updated", ({ user }) => this.#conversations.rename(user));
    on("typing_notification", this.#typingIn.hear);
    on("user_status_update", this.#presence.hear);
    on("general_notification", this.#notifications.hear);
    on("urgent_notification", this.#notifications.hear);
    on("notification_updated", this.#notifications.update);
    on("settings_updated", this.#settings.hear);
  }

  #hearMessage(message: Message): void {
    const isNews = this.#conversations.take(message);
    if (isSameUser(message.sender_id, this.#conversations.me.getSnapshot())) return;
    this.#typingIn.stopped(message.thread_id, message.sender_id);
    if (isNews && !this.#told.has(message.id)) this.#messages.emit(message);
    if (this.#told.size >= TOLD) this.#told.clear();
    this.#told.add(message.id);
  }

  /** Says who we are. If the host gave another person's token meanwhile, nothing of the first may be left. */
  #recognise(userId: UserId): void {
    const { me } = this.#conversations;
    const before = me.getSnapshot();
    if (before !== null && !isSameUser(before, userId)) this.#forget();
    if (!isSameUser(before, userId)) me.set(userId);
  }

  /** A connection is whole. */
  #begin(greeting: ConnectionEstablishedEvent): void {
    this.#recognise(greeting.user_id);
    this.#heartbeat.start(greeting.heartbeat_interval_s);
    this.#joins.rejoin();
    this.#presence.refresh();
    handled(this.#settings.load());
    handled(this.#notifications.catchUp());
    void this.#resume();
  }

  /** Catches up first: then what is sent stands after what was missed. */
  async #resume(): Promise<void> {
    await this.#outbox.restore();
    if (!this.#connection.isWhole) return;
    await this.#catchUp.all().catch(ignore);
    if (!this.#connection.isWhole) return;
    this.#conversations.histories.resume();
    this.#delivery.flush();
    this.#reading.flush();
    this.#outbox.flush();
  }
}
