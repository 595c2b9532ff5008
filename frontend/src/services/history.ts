import type { HistoryPage, Message, UserId } from "../types/generated/contract";
import { keyOf, toChatMessage } from "./chatMessage";
import { handled, toFailure } from "./failure";
import type { Line } from "./line";
import { type Floors, NO_FLOORS } from "./receipts";
import { createStore } from "./store";
import { EMPTY, indexOf, join, joinEmpty, lastSeq, withFloors, withMessage } from "./stretch";
import type { ChatMessage, History, HistoryCursor, HistoryState } from "./types";

const NOTHING: HistoryState = { messages: [], loaded: false, hasMoreBefore: false, hasMoreAfter: false };

/** What a history needs of its surroundings. */
export interface HistoryContext {
  readonly ask: Line["ask"];
  readonly me: () => UserId | null;
  /** The last seq that the list of threads knows of. */
  readonly lastSeq: () => number;
  /** One's own message is stored: here it comes from the server. */
  readonly stored: (message: Message) => void;
}

/** The loaded messages of one thread, and those on their way. */
export class MessageHistory implements History {
  readonly #threadId: string;
  readonly #context: HistoryContext;
  readonly #store = createStore(NOTHING);
  readonly #loads = new Map<string, Promise<HistoryPage>>();
  #stretch = EMPTY;
  #loaded = false;
  #pending: readonly ChatMessage[] = [];
  #floors = NO_FLOORS;
  /** What could not be loaded for want of a connection. */
  #wanted: HistoryCursor | null = null;
  #turn = 0;

  constructor(threadId: string, context: HistoryContext) {
    this.#threadId = threadId;
    this.#context = context;
  }

  readonly subscribe = this.#store.subscribe;
  readonly getSnapshot = this.#store.getSnapshot;

  get isLoaded(): boolean {
    return this.#loaded;
  }

  /** Whether every message from `seq` + 1 to the latest is here. */
  covers(seq: number): boolean {
    const first = this.#stretch.messages[0]?.seq ?? 1;
    return this.#loaded && !this.#stretch.hasMoreAfter && (first <= seq + 1 || !this.#stretch.hasMoreBefore);
  }

  /** How many messages of others stand above a seq. */
  countUnread(seq: number): number {
    const { messages } = this.#stretch;
    let count = 0;
    for (let index = indexOf(this.#stretch, seq + 1); index < messages.length; index += 1) {
      if (messages[index]?.mine === false) count += 1;
    }
    return count;
  }

  /** A stored message by its id or its key; the latest are found first. */
  find(id: string): ChatMessage | undefined {
    return this.#stretch.messages.findLast((message) => message.id === id || message.key === id);
  }

  readonly load = (cursor: HistoryCursor, limit?: number): Promise<HistoryPage> => {
    const key = JSON.stringify([cursor, limit]);
    const under = this.#loads.get(key);
    if (under !== undefined) return under;
    const load = handled(this.#load(cursor, limit, this.#turn).finally(() => this.#loads.delete(key)));
    this.#loads.set(key, load);
    return load;
  };

  /** There is a connection again: loads what was asked for in vain. */
  resume(): void {
    const wanted = this.#wanted;
    if (wanted !== null && !this.#loaded) handled(this.load(wanted));
  }

  /** Takes a message that the server stored. False if messages before it are missing. */
  receive(message: Message): boolean {
    const chat = toChatMessage(message, this.#context.me(), this.#floors);
    const next = this.#loaded ? withMessage(this.#stretch, chat) : this.#stretch;
    if (next !== null && next !== this.#stretch) this.#stretch = next;
    const shown = this.#loaded && next !== null;
    this.#pending = shown ? without(this.#pending, chat.key) : replaced(this.#pending, chat);
    this.#publish();
    return next !== null;
  }

  /** The others came further. */
  setFloors(floors: Floors): void {
    if (floors.read === this.#floors.read && floors.delivered === this.#floors.delivered) return;
    this.#stretch = withFloors(this.#stretch, this.#floors, floors);
    this.#floors = floors;
    this.#publish();
  }

  /** Shows a message on its way, or the same one changed. */
  setPending(message: ChatMessage): void {
    const known = this.#pending.some(({ key }) => key === message.key);
    this.#pending = known ? replaced(this.#pending, message) : [...this.#pending, message];
    this.#publish();
  }

  removePending(key: string): void {
    this.#pending = without(this.#pending, key);
    this.#publish();
  }

  isPending(key: string): boolean {
    return this.#pending.some((message) => message.key === key && message.seq === null);
  }

  /** Whoever held this is gone, or the thread is. */
  reset(): void {
    this.#turn += 1;
    this.#stretch = EMPTY;
    this.#loaded = false;
    this.#pending = [];
    this.#floors = NO_FLOORS;
    this.#wanted = null;
    this.#loads.clear();
    this.#publish();
  }

  async #load(cursor: HistoryCursor, limit: number | undefined, turn: number): Promise<HistoryPage> {
    const request = { thread_id: this.#threadId, ...cursor };
    try {
      const page = await this.#context.ask("get_history", limit === undefined ? request : { ...request, limit });
      if (turn === this.#turn) this.#take(cursor, page);
      return page;
    } catch (thrown) {
      if (turn === this.#turn && toFailure(thrown).retryable) this.#wanted = cursor;
      throw thrown;
    }
  }

  #take(cursor: HistoryCursor, page: HistoryPage): void {
    const me = this.#context.me();
    const messages = page.messages.map((message) => toChatMessage(message, me, this.#floors));
    const isFirst = !this.#loaded;
    const stretch = { messages, hasMoreBefore: page.has_more_before, hasMoreAfter: page.has_more_after };
    this.#stretch =
      messages.length === 0 ? joinEmpty(this.#stretch, page, sideOf(cursor)) : join(this.#stretch, stretch);
    this.#loaded = true;
    this.#wanted = null;
    const own = page.messages.filter((_, index) => messages[index]?.mine);
    const keys = new Set(own.map((message) => keyOf(message, me)));
    this.#pending = this.#pending.filter(
      ({ key, seq }) => !keys.has(key) && (seq ?? Infinity) > lastSeq(this.#stretch),
    );
    this.#publish();
    for (const message of own) this.#context.stored(message);
    // A message that came while this page was under way had nothing to follow.
    const behind = !this.#stretch.hasMoreAfter && lastSeq(this.#stretch) < this.#context.lastSeq();
    if (behind && (isFirst || messages.length > 0)) handled(this.load({ after_seq: lastSeq(this.#stretch) }));
  }

  #publish(): void {
    const { messages: stored, hasMoreBefore, hasMoreAfter } = this.#stretch;
    const state = this.#store.getSnapshot();
    const pending = hasMoreAfter ? [] : this.#pending;
    const messages = sameOr(state.messages, stored, pending);
    const same =
      messages === state.messages &&
      state.loaded === this.#loaded &&
      state.hasMoreBefore === hasMoreBefore &&
      state.hasMoreAfter === hasMoreAfter;
    if (!same) this.#store.set({ messages, loaded: this.#loaded, hasMoreBefore, hasMoreAfter });
  }
}

/** The messages to show; the same array as before if nothing in it changed. */
function sameOr(before: readonly ChatMessage[], stored: readonly ChatMessage[], pending: readonly ChatMessage[]) {
  const now = pending.length === 0 ? stored : [...stored, ...pending];
  const same = before.length === now.length && now.every((message, index) => message === before[index]);
  return same ? before : now;
}

function sideOf(cursor: HistoryCursor): "before" | "after" | "whole" {
  if ("before_seq" in cursor) return "before";
  return "after_seq" in cursor ? "after" : "whole";
}

function without(messages: readonly ChatMessage[], key: string): readonly ChatMessage[] {
  return messages.some((message) => message.key === key) ? messages.filter((message) => message.key !== key) : messages;
}

function replaced(messages: readonly ChatMessage[], message: ChatMessage): readonly ChatMessage[] {
  const known = messages.some(({ key }) => key === message.key);
  return known ? messages.map((one) => (one.key === message.key ? message : one)) : messages;
}
