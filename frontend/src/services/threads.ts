import type { Operations, Thread } from "../types/generated/contract";
import type { Conversations } from "./conversations";
import { handled, offline, toFailure } from "./failure";
import type { Line } from "./line";
import { patch } from "./store";
import type { Threads } from "./types";

/** Where a burst of news of unknown threads is answered with one question. */
const NEWS_MS = 50;
/** So many pages are read in search of new threads. */
const PAGES = 20;

/** The list of threads: loads pages and single threads. */
export class ThreadService implements Threads {
  readonly #line: Line;
  readonly #conversations: Conversations;
  readonly #fetches = new Map<string, Promise<Thread>>();
  #cursor: string | null = null;
  #loading: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(line: Line, conversations: Conversations) {
    this.#line = line;
    this.#conversations = conversations;
  }

  get #store() {
    return this.#conversations.table.store;
  }

  readonly subscribe = (listener: () => void): (() => void) => this.#store.subscribe(listener);
  readonly getSnapshot = () => this.#store.getSnapshot();
  readonly get = (threadId: string): Thread | undefined => this.#conversations.table.get(threadId);

  readonly fetch = (threadId: string): Promise<Thread> => {
    const under = this.#fetches.get(threadId);
    if (under !== undefined) return under;
    const fetch = this.#fetch(threadId).finally(() => this.#fetches.delete(threadId));
    this.#fetches.set(threadId, fetch);
    return handled(fetch);
  };

  readonly create = async (request: Operations["create_thread"]["request"]): Promise<Thread> => {
    const thread = await this.#line.ask("create_thread", request);
    this.#conversations.adopt(thread);
    return this.get(thread.id) ?? thread;
  };

  readonly loadMore = (): Promise<void> => {
    const cursor = this.#cursor;
    if (this.#loading === null && cursor === null) return Promise.resolve();
    return this.#once(() => this.#loadPage(cursor));
  };

  /** Loads the first page. Shows its failure only while there is nothing else to show. */
  readonly reload = (): Promise<void> =>
    this.#once(async () => {
      if (this.getSnapshot().status === "error") patch(this.#store, { status: "loading", error: null });
      try {
        await this.#loadPage(null);
      } catch (thrown) {
        const error = toFailure(thrown);
        // Without a connection it is loaded once there is one.
        const isShown = this.getSnapshot().status === "loading" && error.code !== "offline" && error.code !== "timeout";
        if (isShown) patch(this.#store, { status: "error", error });
        throw error;
      }
    });

  /** Reads the list until a page holds nothing new: `sync` names no threads that we do not know. */
  async loadNew(): Promise<void> {
    if (!this.#line.can("list_threads")) return;
    if (this.getSnapshot().status !== "ready") return this.reload();
    let cursor: string | null = null;
    for (let page = 0; page < PAGES && this.#line.isWhole; page += 1) {
      const answer: Operations["list_threads"]["response"] = await this.#line.ask("list_threads", { cursor });
      cursor = answer.next_cursor;
      if (!this.#conversations.adoptPage(answer) || cursor === null) return;
    }
  }

  /** Reads on if the list begins with what is not known: a new thread, or one far down that came up. */
  async checkNewest(): Promise<void> {
    if (this.getSnapshot().status !== "ready" || !this.#line.can("list_threads")) return;
    const { threads } = await this.#line.ask("list_threads", { limit: 1 });
    const newest = threads[0];
    if (newest !== undefined && this.#conversations.isNews(newest)) await this.loadNew();
  }

  /** There are news of a thread that is not known: it must be at the top of the list. */
  readonly findSoon = (): void => {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      handled(this.loadNew());
    }, NEWS_MS);
  };

  /** Ends what waits, and forgets how far the list was read. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#cursor = null;
    this.#loading = null;
    this.#fetches.clear();
  }

  async #fetch(threadId: string): Promise<Thread> {
    const thread = await this.#line.ask("get_thread", { thread_id: threadId });
    this.#conversations.adopt(thread);
    return this.get(threadId) ?? thread;
  }

  async #loadPage(cursor: string | null): Promise<void> {
    if (!this.#line.can("list_threads")) {
      patch(this.#store, { status: "ready" });
      return;
    }
    const page = await this.#line.ask("list_threads", { cursor });
    if (!this.#line.isWhole) throw offline();
    this.#conversations.adoptPage(page);
    this.#cursor = page.next_cursor;
    patch(this.#store, { hasMore: page.next_cursor !== null });
  }

  /** One load at a time: a second caller shares the first's. */
  #once(load: () => Promise<void>): Promise<void> {
    if (this.#loading !== null) return this.#loading;
    const loading = handled(
      load().finally(() => {
        if (this.#loading === loading) this.#loading = null;
      }),
    );
    this.#loading = loading;
    return loading;
  }
}
