import type { ThreadChanges } from "../types/generated/contract";
import type { Conversations } from "./conversations";
import { handled, ignore, offline, toFailure } from "./failure";
import type { Line } from "./line";
import type { ThreadService } from "./threads";

/** An event that was only overtaken comes within this time; then nothing need be asked. */
const GAP_MS = 250;
/** So many threads in one `sync` (the server takes 500): answers stay small. */
const THREADS_AT_ONCE = 100;
/** So many answers of a hundred messages for one thread; who missed more gets its latest page. */
const ROUNDS = 5;
/** How soon after the server had no time. */
const AGAIN_MS = 5_000;

/** Fetches what was missed: after a connection, after a gap, and when the server says that we are behind. */
export class CatchUp {
  readonly #line: Line;
  readonly #conversations: Conversations;
  readonly #threads: ThreadService;
  readonly #due = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(line: Line, conversations: Conversations, threads: ThreadService) {
    this.#line = line;
    this.#conversations = conversations;
    this.#threads = threads;
  }

  /** A thread has a gap: looks after it soon. */
  readonly soon = (threadId: string): void => {
    this.#due.add(threadId);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      handled(this.#runDue());
    }, GAP_MS);
  };

  /** There is a new connection: all that is known is looked after, and what is new is found. */
  async all(): Promise<void> {
    this.stop();
    try {
      if (this.#threads.getSnapshot().status !== "ready") await this.#threads.reload();
      else {
        await this.threads(this.#conversations.revisions.ids());
        await this.#threads.loadNew();
      }
    } catch (thrown) {
      // The next connection begins anew; on this one it is tried again.
      if (this.#line.isWhole && toFailure(thrown).retryable)
        this.#again = setTimeout(() => handled(this.all()), AGAIN_MS);
      throw thrown;
    }
  }

  /** Catches up with some threads, after whatever is under way. Rejects if the connection does not last. */
  threads(threadIds: readonly string[]): Promise<void> {
    const run = this.#running.then(() => this.#sync(threadIds));
    this.#running = run.catch(ignore);
    return handled(run);
  }

  /** The connection is gone: the next one catches up with everything. */
  stop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#again);
    this.#timer = undefined;
    this.#due.clear();
  }

  async #runDue(): Promise<void> {
    const due = [...this.#due];
    this.#due.clear();
    await this.threads(due);
  }

  async #sync(threadIds: readonly string[]): Promise<void> {
    let left = threadIds.filter((threadId) => this.#conversations.revisions.get(threadId) !== undefined);
    for (let round = 0; round < ROUNDS && left.length > 0; round += 1) left = await this.#round(left);
    for (const threadId of left) await this.#refresh(threadId);
  }

  /** Asks once for each thread. Returns those of which there is more. */
  async #round(threadIds: readonly string[]): Promise<string[]> {
    const left: string[] = [];
    for (let start = 0; start < threadIds.length; start += THREADS_AT_ONCE) {
      const revs = threadIds.slice(start, start + THREADS_AT_ONCE).flatMap((threadId) => {
        const rev = this.#conversations.revisions.get(threadId);
        return rev === undefined ? [] : [[threadId, rev] as const];
      });
      // Without it, asking would wait for the next connection, which begins anew.
      if (!this.#line.isWhole) throw offline();
      const { threads } = await this.#line.ask("sync", { threads: Object.fromEntries(revs) });
      for (const [threadId, changes] of Object.entries(threads)) {
        if (await this.#apply(threadId, changes)) left.push(threadId);
      }
    }
    return left;
  }

  /** Returns whether there is more. */
  async #apply(threadId: string, changes: ThreadChanges): Promise<boolean> {
    if (changes.removed) {
      this.#conversations.drop(threadId);
      return false;
    }
    const isWhole = this.#conversations.catchUp(threadId, changes);
    if (changes.more) return true;
    if (!isWhole) await this.#refresh(threadId);
    return false;
  }

  /** Too much to fill in: the thread anew, and the latest page of its messages if somebody holds some. */
  async #refresh(threadId: string): Promise<void> {
    if (!this.#line.isWhole) throw offline();
    const { revisions, histories } = this.#conversations;
    const thread = await this.#line.ask("get_thread", { thread_id: threadId });
    const history = histories.known(threadId);
    if (history?.isLoaded && !history.getSnapshot().hasMoreAfter) await history.load({});
    revisions.advance(threadId, thread.rev);
    this.#conversations.adopt(thread);
  }
}
