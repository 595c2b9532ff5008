import { type Mock, vi } from "vitest";
import { createStore, type WritableStore } from "../services/store";
import type {
  ConnectionState,
  Drafts,
  History,
  HistoryState,
  Notifications,
  NotificationsState,
  PersonSettings,
  PresenceState,
  PresenceStore,
  RealtimeClient,
  Settings,
  Store,
  Threads,
  ThreadsState,
  TypingState,
} from "../services/types";
import type { EventName, Events, Message, NotificationEvent, OperationName, UserId } from "../types/generated/contract";
import { aMessage, aThread, ME } from "./factories";
import { type AnswerOf, fakeAsk, fakeEvents } from "./fakeAsk";

type AnyFunction = (...args: never[]) => unknown;

/** A part of the client with its store settable and its functions mocked (see `vi.fn`). */
export type FakePart<Part extends Store<unknown>> = Omit<
  { [Key in keyof Part]: Part[Key] extends AnyFunction ? Mock<Part[Key]> : Part[Key] },
  "subscribe" | "getSnapshot"
> &
  (Part extends Store<infer Snapshot> ? WritableStore<Snapshot> : never);

/**
 * A RealtimeClient without a server. Set its stores (`client.threads.set(...)`, told at once, so wrap it in `act`), mock
 * its functions (`client.send.mockRejectedValue(...)`), answer operations (`client.answer("list_people", ...)`), and
 * let things arrive (`client.emit`, `client.arrive`, `client.notify`).
 */
export interface FakeClient extends RealtimeClient {
  readonly connection: WritableStore<ConnectionState>;
  readonly me: WritableStore<UserId | null>;
  readonly threads: FakePart<Threads>;
  readonly presence: FakePart<PresenceStore>;
  readonly typing: WritableStore<TypingState>;
  readonly notifications: FakePart<Notifications>;
  readonly settings: FakePart<Settings>;
  history(threadId: string): FakePart<History>;
  readonly start: Mock<RealtimeClient["start"]>;
  readonly stop: Mock<RealtimeClient["stop"]>;
  readonly retryNow: Mock<RealtimeClient["retryNow"]>;
  readonly send: Mock<RealtimeClient["send"]>;
  readonly retry: Mock<RealtimeClient["retry"]>;
  readonly discard: Mock<RealtimeClient["discard"]>;
  readonly markRead: Mock<RealtimeClient["markRead"]>;
  /** Its result, the function that leaves, is a mock too: `client.left` has the thread ids. */
  readonly join: Mock<RealtimeClient["join"]>;
  readonly startTyping: Mock<RealtimeClient["startTyping"]>;
  readonly stopTyping: Mock<RealtimeClient["stopTyping"]>;
  readonly people: Mock<RealtimeClient["people"]>;

  /** Thread ids for which what `join` returned was called. */
  readonly left: string[];
  /** What was asked by `ask`, in order. */
  readonly asked: { name: OperationName; request: unknown }[];
  /** How `ask` answers an operation from now on. One that has no answer never settles. */
  answer<Name extends OperationName>(name: Name, how: AnswerOf<Name>): void;
  /** Tells an event to those who listen by `on`. */
  emit<Name extends EventName>(name: Name, payload: Events[Name]): void;
  /** Tells a message to those who listen by `onMessage`. */
  arrive(message: Message): void;
  /** Tells a notification to those who listen by `notifications.onArrival`. */
  notify(notification: NotificationEvent): void;
}

/** What the stores of a new FakeClient hold, unless given: María online with nothing loaded but the empty lists. */
export interface FakeClientState {
  readonly connection?: Partial<ConnectionState>;
  readonly me?: UserId | null;
  readonly threads?: Partial<ThreadsState>;
  readonly presence?: PresenceState;
  readonly typing?: TypingState;
  readonly notifications?: Partial<NotificationsState>;
  readonly settings?: PersonSettings | null;
  readonly histories?: Readonly<Record<string, Partial<HistoryState>>>;
}

const ONLINE: ConnectionState = {
  status: "online",
  attempt: 0,
  retryAt: null,
  error: null,
  wasOnline: true,
  degraded: null,
};
const NO_THREADS: ThreadsState = { threads: [], status: "ready", error: null, hasMore: false, totalUnread: 0 };
const NO_NOTIFICATIONS: NotificationsState = {
  notifications: [],
  status: "ready",
  error: null,
  hasMore: false,
  unreadCount: 0,
};
const NO_HISTORY: HistoryState = { messages: [], loaded: true, hasMoreBefore: false, hasMoreAfter: false };

function atOnce<Snapshot>(initial: Snapshot): WritableStore<Snapshot> {
  return createStore(initial, (tell) => tell());
}

function createEmitter<Payload>() {
  const listeners = new Set<(payload: Payload) => void>();
  return {
    on(listener: (payload: Payload) => void) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    emit(payload: Payload) {
      for (const listener of [...listeners]) listener(payload);
    },
  };
}

function fakeThreads(state: Partial<ThreadsState> | undefined): FakePart<Threads> {
  const store = atOnce<ThreadsState>({ ...NO_THREADS, ...state });
  const find = (threadId: string) => store.getSnapshot().threads.find((thread) => thread.id === threadId);
  return {
    ...store,
    get: vi.fn(find),
    fetch: vi.fn(async (threadId) => find(threadId) ?? aThread({ id: threadId })),
    loadMore: vi.fn(async () => {}),
    reload: vi.fn(async () => {}),
    create: vi.fn(async () => aThread()),
  };
}

function fakeNotifications(
  state: Partial<NotificationsState> | undefined,
  onArrival: Notifications["onArrival"],
): FakePart<Notifications> {
  return {
    ...atOnce<NotificationsState>({ ...NO_NOTIFICATIONS, ...state }),
    loadMore: vi.fn(async () => {}),
    reload: vi.fn(async () => {}),
    markRead: vi.fn(async () => {}),
    markAllRead: vi.fn(async () => {}),
    clear: vi.fn(async () => {}),
    onArrival: vi.fn(onArrival),
  };
}

function fakeHistory(state: Partial<HistoryState> | undefined): FakePart<History> {
  const empty = { messages: [], has_more_before: false, has_more_after: false };
  return { ...atOnce<HistoryState>({ ...NO_HISTORY, ...state }), load: vi.fn(async () => empty) };
}

/** Drafts in memory, the real behaviour without a device. */
function fakeDrafts(): Drafts {
  const texts = new Map<string, string>();
  return {
    get: (threadId) => texts.get(threadId) ?? "",
    set: (threadId, text) => {
      texts.set(threadId, text);
    },
  };
}

/** Makes a FakeClient for the tests of hooks and components. */
export function createFakeClient(state: FakeClientState = {}): FakeClient {
  const messages = createEmitter<Message>();
  const arrivals = createEmitter<NotificationEvent>();
  const left: string[] = [];
  const histories = new Map<string, FakePart<History>>();
  return {
    connection: atOnce<ConnectionState>({ ...ONLINE, ...state.connection }),
    me: atOnce<UserId | null>(state.me === undefined ? ME : state.me),
    threads: fakeThreads(state.threads),
    presence: { ...atOnce(state.presence ?? { users: new Map() }), ensure: vi.fn() },
    typing: atOnce<TypingState>(state.typing ?? { users: [] }),
    notifications: fakeNotifications(state.notifications, arrivals.on),
    settings: { ...atOnce<PersonSettings | null>(state.settings ?? null), update: vi.fn(async () => {}) },
    drafts: fakeDrafts(),
    history(threadId) {
      const known = histories.get(threadId) ?? fakeHistory(state.histories?.[threadId]);
      histories.set(threadId, known);
      return known;
    },
    start: vi.fn(),
    stop: vi.fn(),
    retryNow: vi.fn(),
    send: vi.fn(async (threadId, content) => aMessage({ thread_id: threadId, content, sender_id: ME })),
    retry: vi.fn(),
    discard: vi.fn(),
    markRead: vi.fn(async () => {}),
    join: vi.fn((threadId) => () => {
      left.push(threadId);
    }),
    startTyping: vi.fn(),
    stopTyping: vi.fn(),
    people: vi.fn(async () => ({ people: [], next_cursor: null })),
    left,
    ...fakeAsk(),
    ...fakeEvents(),
    onMessage: messages.on,
    arrive: messages.emit,
    notify: arrivals.emit,
  };
}
