import type { Message, Thread, ThreadChanges, ThreadPage, User, UserId } from "../types/generated/contract";
import { Emitter } from "./emitter";
import { Histories } from "./histories";
import type { MessageHistory } from "./history";
import type { Line } from "./line";
import { floorsOf, isSameUser, NO_FLOORS, type Position, placeOf, withPosition } from "./receipts";
import { Revisions } from "./revisions";
import { createStore } from "./store";
import { ThreadTable } from "./threadTable";

/** Up to where a participant received or read; with the reader's count if the server told it. */
export interface Movement {
  readonly threadId: string;
  readonly position: Position;
  readonly unreadCount?: number;
}

/**
 * What is known of threads, their messages and revisions, and how news change it. Whether news come as events, as
 * answers, or by catching up makes no difference; each may come twice and in any order.
 */
export class Conversations {
  readonly me = createStore<UserId | null>(null);
  readonly revisions = new Revisions();
  readonly table: ThreadTable;
  readonly histories: Histories;
  /** One's own message is stored, wherever that was learnt. */
  readonly stored = new Emitter<Message>();
  /** A message of someone else is on this device. */
  readonly received = new Emitter<{ readonly threadId: string; readonly seq: number }>();
  /** Something of this thread is missing. */
  readonly behind = new Emitter<string>();
  /** There are news of a thread that is not known. */
  readonly unknown = new Emitter<string>();

  constructor(ask: Line["ask"]) {
    this.table = new ThreadTable(this.#who, (thread) => {
      this.histories.known(thread.id)?.setFloors(floorsOf(thread, this.#who()));
    });
    this.histories = new Histories(
      (threadId) => ({
        ask,
        me: this.#who,
        lastSeq: () => this.table.get(threadId)?.last_seq ?? 0,
        stored: this.stored.emit,
      }),
      (threadId, history) => history.setFloors(this.#floors(threadId)),
    );
  }

  readonly #who = (): UserId | null => this.me.getSnapshot();

  /** Nobody is signed in (any more): an answer that comes so late has nowhere to go. */
  get #isOver(): boolean {
    return this.#who() === null;
  }

  #floors(threadId: string) {
    const thread = this.table.get(threadId);
    return thread === undefined ? NO_FLOORS : floorsOf(thread, this.#who());
  }

  /** A thread as the server just answered it. */
  adopt(thread: Thread): void {
    if (this.#isOver) return;
    const isKnown = this.table.get(thread.id) !== undefined;
    this.table.adopt(thread);
    this.#adopted(thread, isKnown);
  }

  /** Whether a thread, as the server just answered it, is not known, or not so far. */
  isNews({ id, rev }: Thread): boolean {
    return this.table.get(id) === undefined || this.revisions.order(id, rev) !== "old";
  }

  /** A page of the list of threads. Returns whether it held anything new. */
  adoptPage(page: ThreadPage): boolean {
    if (this.#isOver) return false;
    const known = new Set(page.threads.filter(({ id }) => this.table.get(id) !== undefined).map(({ id }) => id));
    const hasNews = page.threads.some((thread) => this.isNews(thread));
    this.table.adoptPage(page.threads, page.total_unread);
    for (const thread of page.threads) this.#adopted(thread, known.has(thread.id));
    return hasNews;
  }

  #adopted(thread: Thread, wasKnown: boolean): void {
    // Without loaded messages there is nothing that could be missing.
    if (!wasKnown || !this.histories.known(thread.id)?.isLoaded) this.revisions.advance(thread.id, thread.rev);
    else if (this.revisions.order(thread.id, thread.rev) !== "old") this.behind.emit(thread.id);
    const { last_message: last } = thread;
    if (last !== null) this.#noteReceived(last);
  }

  /** A stored message, from an event or an answer. Returns whether it is news to the list of threads. */
  take(message: Message): boolean {
    if (this.#isOver) return false;
    const threadId = message.thread_id;
    const thread = this.table.get(threadId);
    if (isSameUser(message.sender_id, this.#who())) this.stored.emit(message);
    if (thread === undefined) {
      this.histories.known(threadId)?.receive(message);
      this.unknown.emit(threadId);
      return true;
    }
    const { isNews, isWhole } = this.#place(message, thread);
    this.#settle(threadId, message.rev, isWhole);
    return isNews;
  }

  /** A receipt. Without a revision it is an answer to ourselves. */
  move(movement: Movement, rev: number | null): void {
    const { threadId, position } = movement;
    const isReading = isSameUser(position.user_id, this.#who()) && position.read_seq !== undefined;
    const history = this.histories.known(threadId);
    this.table.update(threadId, (thread) => {
      const moved = withPosition(thread, position);
      return isReading ? withUnread(moved, movement, history) : moved;
    });
    if (rev !== null && this.table.get(threadId) !== undefined) this.#settle(threadId, rev, true);
  }

  /** What `sync` answered for a thread. Returns whether all of it found its place. */
  catchUp(threadId: string, changes: ThreadChanges): boolean {
    // Events may have gone on while the answer was under way; then its count is an old one.
    const isLatest = (this.revisions.get(threadId) ?? 0) <= changes.rev && !changes.more;
    if (changes.thread !== null) this.table.adopt(changes.thread);
    let isWhole = true;
    for (const message of [...changes.messages].sort((one, other) => one.seq - other.seq)) {
      if (isSameUser(message.sender_id, this.#who())) this.stored.emit(message);
      const thread = this.table.get(threadId);
      if (thread !== undefined && !this.#place(message, thread).isWhole) isWhole = false;
    }
    for (const receipt of changes.receipts) this.move({ threadId, position: receipt }, null);
    this.revisions.advance(threadId, changes.rev);
    this.#stamp(threadId);
    if (isLatest) this.table.update(threadId, (thread) => this.#recount(thread, changes.unread_count));
    return isWhole;
  }

  /** Someone changed their name or picture. */
  rename({ id, display_name, avatar_url }: User): void {
    this.table.updateAll((thread) => {
      const place = placeOf(thread, id);
      if (place === undefined || (place.display_name === display_name && place.avatar_url === avatar_url))
        return thread;
      const renamed = { ...place, display_name, avatar_url };
      return { ...thread, participants: thread.participants.map((one) => (one === place ? renamed : one)) };
    });
  }

  /** The thread is not ours any more. */
  drop(threadId: string): void {
    this.table.remove(threadId);
    this.revisions.forget(threadId);
    this.histories.known(threadId)?.reset();
  }

  clear(): void {
    this.table.clear();
    this.revisions.clear();
    this.histories.reset();
    this.me.set(null);
  }

  /** Puts a message into its thread's summary and history. */
  #place(message: Message, thread: Thread): { isNews: boolean; isWhole: boolean } {
    const isNews = message.seq > thread.last_seq;
    const follows = message.seq === thread.last_seq + 1;
    const isInHistory = this.histories.known(thread.id)?.receive(message) ?? true;
    if (follows) this.table.update(thread.id, (known) => withLast(known, message, this.#who()));
    this.#noteReceived(message);
    return { isNews, isWhole: isInHistory && (follows || !isNews) };
  }

  #noteReceived(message: Message): void {
    if (isSameUser(message.sender_id, this.#who())) return;
    this.received.emit({ threadId: message.thread_id, seq: message.seq });
  }

  /** The server counted; only what we read ourselves and it did not know yet makes it less. */
  #recount(thread: Thread, told: number): Thread {
    const readSeq = placeOf(thread, this.#who())?.read_seq ?? 0;
    const history = this.histories.known(thread.id);
    const here = history?.covers(readSeq) ? history.countUnread(readSeq) : told;
    const count = readSeq >= thread.last_seq ? 0 : Math.min(here, told);
    return count === thread.unread_count ? thread : { ...thread, unread_count: count };
  }

  /** Counts a revision as known if nothing before it is missing. */
  #settle(threadId: string, rev: number, isWhole: boolean): void {
    const order = this.revisions.order(threadId, rev);
    if (order === "next" && isWhole) {
      this.revisions.advance(threadId, rev);
      this.#stamp(threadId);
      return;
    }
    if (order === "ahead" && isWhole) this.revisions.keepAhead(threadId, rev);
    if (order !== "old" || !isWhole) this.behind.emit(threadId);
  }

  /** A thread's own `rev` says how new its summary is, so that an older answer does not replace it. */
  #stamp(threadId: string): void {
    const known = this.revisions.get(threadId) ?? 0;
    this.table.update(threadId, (thread) => (thread.rev < known ? { ...thread, rev: known } : thread));
  }
}

/** The thread with its next message. */
function withLast(thread: Thread, message: Message, me: UserId | null): Thread {
  const isMine = isSameUser(message.sender_id, me);
  const place = placeOf(thread, me);
  const isUnread = !isMine && message.seq > (place?.read_seq ?? 0);
  const next: Thread = {
    ...thread,
    last_seq: message.seq,
    last_message: message,
    activity_at: later(message.sent_at, thread.activity_at),
    unread_count: thread.unread_count + (isUnread ? 1 : 0),
  };
  // Writing moves one's own position if everything before was read, without a receipt.
  const hadReadAll = isMine && place !== undefined && place.read_seq >= message.seq - 1;
  return hadReadAll
    ? withPosition(next, { user_id: place.user_id, read_seq: message.seq, read_at: message.sent_at })
    : next;
}

/**
 * The thread with how much of it is unread after one's own position moved. What the loaded messages say goes before
 * what the server counted some time ago; a count for a position that we have passed meanwhile says nothing.
 */
function withUnread(thread: Thread, { position, unreadCount }: Movement, history: MessageHistory | undefined): Thread {
  const told = position.read_seq ?? 0;
  const readSeq = Math.max(told, placeOf(thread, position.user_id)?.read_seq ?? 0);
  let count = thread.unread_count;
  if (readSeq >= thread.last_seq) count = 0;
  else if (history?.covers(readSeq)) count = history.countUnread(readSeq);
  else if (unreadCount !== undefined && told === readSeq) count = unreadCount;
  return count === thread.unread_count ? thread : { ...thread, unread_count: count };
}

/** The later of two times in RFC 3339, which sort as text. */
function later(one: string, other: string): string {
  return [one, other].sort()[1] ?? one;
}
