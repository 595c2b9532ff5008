import type { Conversations } from "./conversations";
import { toFailure } from "./failure";
import type { Line } from "./line";
import { placeOf } from "./receipts";

const COALESCE_MS = 200;

/** Tells the server which messages of others have reached this device, so that their senders see the second tick. */
export class Delivery {
  readonly #line: Line;
  readonly #conversations: Conversations;
  readonly #due = new Map<string, number>();
  /** What was told already on this connection; the server's answer may be on its way. */
  readonly #told = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(line: Line, conversations: Conversations) {
    this.#line = line;
    this.#conversations = conversations;
  }

  /** A message of someone else is here. */
  readonly note = ({ threadId, seq }: { readonly threadId: string; readonly seq: number }): void => {
    if (seq <= this.#reached(threadId)) return;
    this.#due.set(threadId, Math.max(seq, this.#due.get(threadId) ?? 0));
    this.#timer ??= setTimeout(this.flush, COALESCE_MS);
  };

  /** Tells what waits, if there is a connection to tell it on. */
  readonly flush = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#line.isWhole) return;
    const due = [...this.#due];
    this.#due.clear();
    for (const [threadId, seq] of due) {
      if (seq > this.#reached(threadId)) void this.#tell(threadId, seq);
    }
  };

  /** The connection is gone: what it carried may not have arrived. */
  lost(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [threadId, seq] of this.#told) this.#due.set(threadId, Math.max(seq, this.#due.get(threadId) ?? 0));
    this.#told.clear();
  }

  clear(): void {
    this.lost();
    this.#due.clear();
  }

  /** How far the server knows us to be; in a thread too large to list us, how far we told it. */
  #reached(threadId: string): number {
    const thread = this.#conversations.table.get(threadId);
    const place = thread && placeOf(thread, this.#conversations.me.getSnapshot());
    return Math.max(place?.delivered_seq ?? 0, place?.read_seq ?? 0, this.#told.get(threadId) ?? 0);
  }

  async #tell(threadId: string, seq: number): Promise<void> {
    this.#told.set(threadId, seq);
    try {
      const { delivered_seq } = await this.#line.ask("mark_delivered", { thread_id: threadId, seq });
      const userId = this.#conversations.me.getSnapshot();
      if (userId !== null) this.#conversations.move({ threadId, position: { user_id: userId, delivered_seq } }, null);
    } catch (thrown) {
      // A lost connection is told by `lost`; what the server refuses is not worth a second try.
      if (toFailure(thrown).code === "rate_limited") this.#told.delete(threadId);
    }
  }
}
