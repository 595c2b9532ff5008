import type { Conversations } from "./conversations";
import { type Deferred, deferred } from "./deferred";
import { isLasting, offline, toFailure } from "./failure";
import type { Line } from "./line";
import { placeOf } from "./receipts";

const COALESCE_MS = 150;
const AGAIN_MS = 2_000;

/** A position to be told, and who waits for it. */
interface Due {
  readonly messageId: string;
  readonly seq: number;
  readonly done: Deferred<void>;
}

/** Moves one's own read position: shown at once, told in one go, kept while there is no connection, never back. */
export class Reading {
  readonly #line: Line;
  readonly #conversations: Conversations;
  readonly #due = new Map<string, Due>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(line: Line, conversations: Conversations) {
    this.#line = line;
    this.#conversations = conversations;
  }

  /** Reads up to a message (its id or key), or all that is known of a thread. Resolves when the server has it. */
  readonly markRead = (threadId: string, messageId?: string): Promise<void> => {
    const target = this.#locate(threadId, messageId);
    if (target === null) return messageId === undefined ? Promise.resolve() : this.#ask(threadId, messageId);
    const due = this.#due.get(threadId);
    if (due !== undefined && due.seq >= target.seq) return due.done.promise;
    if (target.seq <= this.#readSeq(threadId)) return Promise.resolve();
    this.#show(threadId, target.seq);
    const done = due?.done ?? deferred<void>();
    this.#due.set(threadId, { ...target, done });
    this.#timer ??= setTimeout(this.flush, COALESCE_MS);
    return done.promise;
  };

  /** Tells what waits, if there is a connection to tell it on. */
  readonly flush = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#line.isWhole) return;
    for (const [threadId, due] of [...this.#due]) void this.#tell(threadId, due);
  };

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { done } of this.#due.values()) done.reject(offline());
    this.#due.clear();
  }

  #locate(threadId: string, messageId: string | undefined): { messageId: string; seq: number } | null {
    const last = this.#conversations.table.get(threadId)?.last_message ?? null;
    if (last !== null && (messageId === undefined || messageId === last.id))
      return { messageId: last.id, seq: last.seq };
    if (messageId === undefined) return null;
    const found = this.#conversations.histories.known(threadId)?.find(messageId);
    return found?.seq == null ? null : { messageId: found.id, seq: found.seq };
  }

  #readSeq(threadId: string): number {
    const thread = this.#conversations.table.get(threadId);
    return (thread && placeOf(thread, this.#conversations.me.getSnapshot())?.read_seq) ?? 0;
  }

  #show(threadId: string, seq: number, unreadCount?: number): void {
    const userId = this.#conversations.me.getSnapshot();
    if (userId === null) return;
    const position = { user_id: userId, read_seq: seq };
    this.#conversations.move(
      unreadCount === undefined ? { threadId, position } : { threadId, position, unreadCount },
      null,
    );
  }

  async #tell(threadId: string, due: Due): Promise<void> {
    // Taken out first: a message that is read meanwhile waits for its own turn.
    this.#due.delete(threadId);
    try {
      await this.#ask(threadId, due.messageId);
      due.done.resolve();
    } catch (thrown) {
      const failure = toFailure(thrown);
      if (isLasting(failure)) due.done.reject(failure);
      else this.#putBack(threadId, due);
    }
  }

  /** It goes out on the next connection, or soon if this one is still there. */
  #putBack(threadId: string, due: Due): void {
    const later = this.#due.get(threadId);
    if (later === undefined) this.#due.set(threadId, due);
    else later.done.promise.then(due.done.resolve, due.done.reject);
    if (this.#line.isWhole) this.#timer ??= setTimeout(this.flush, AGAIN_MS);
  }

  async #ask(threadId: string, messageId: string): Promise<void> {
    const answer = await this.#line.ask("mark_as_read", { thread_id: threadId, message_id: messageId });
    this.#show(threadId, answer.read_seq, answer.unread_count);
  }
}
