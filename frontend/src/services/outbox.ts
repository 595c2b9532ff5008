import type { Message, UserId } from "../types/generated/contract";
import type { CatchUp } from "./catchUp";
import { entryToChatMessage } from "./chatMessage";
import type { Conversations } from "./conversations";
import { type Deferred, deferred } from "./deferred";
import { type Failure, ignore, isLasting, offline, toFailure } from "./failure";
import type { Line } from "./line";
import { exclusively } from "./locks";
import { isSameUser, placeOf } from "./receipts";
import type { OutboxEntry, OutboxStorage } from "./types";
import { uuid } from "./uuid";

const AGAIN_MS = 2_000;
/** A device that takes longer to write is not waited for. */
const WRITE_MS = 1_000;

interface Item {
  entry: OutboxEntry;
  /** Found on the device at the start: another tab may have it, too. */
  isRestored: boolean;
  readonly written: Promise<void>;
  readonly done: Deferred<Message>;
}

/** What the outbox needs of its surroundings. */
export interface OutboxContext {
  readonly line: Line;
  readonly conversations: Conversations;
  readonly catchUp: Pick<CatchUp, "threads">;
  readonly storage: OutboxStorage;
}

/**
 * Messages until the server has them. Each is written down before it is sent, in each thread one after the other, and
 * sent again under the same `client_message_id` until an answer, or its own broadcast, says that it is stored.
 */
export class Outbox {
  readonly #context: OutboxContext;
  /** In the order of writing. */
  readonly #items = new Map<string, Item>();
  #busy = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #restored: UserId | null = null;
  #restoring: Promise<void> = Promise.resolve();
  #lastMs = 0;

  constructor(context: OutboxContext) {
    this.#context = context;
  }

  readonly send = (threadId: string, content: string): Promise<Message> => {
    const userId = this.#me();
    if (userId === null) return Promise.reject(offline());
    const createdAt = this.#now();
    const entry = { clientMessageId: uuid(), userId, threadId, content, createdAt, error: null };
    const item = this.#add(entry, false);
    void this.#run(threadId);
    return item.done.promise;
  };

  readonly retry = (key: string): void => {
    const item = this.#items.get(key);
    if (item === undefined || item.entry.error === null) return;
    item.entry = { ...item.entry, error: null };
    void this.#write(item.entry);
    this.#show(item.entry);
    void this.#run(item.entry.threadId);
  };

  readonly discard = (key: string): void => {
    const item = this.#items.get(key);
    if (item === undefined) return;
    this.#forget(item);
    this.#context.conversations.histories.known(item.entry.threadId)?.removePending(key);
    item.done.reject(offline());
  };

  /** Shows what this person's device still has to send. */
  restore(): Promise<void> {
    const userId = this.#me();
    if (userId === null || (this.#restored !== null && isSameUser(userId, this.#restored))) return this.#restoring;
    this.#restored = userId;
    this.#restoring = this.#restore(userId);
    return this.#restoring;
  }

  async #restore(userId: UserId): Promise<void> {
    const entries = await this.#context.storage.all(userId).catch(() => []);
    if (userId !== this.#restored) return;
    for (const entry of entries) if (!this.#items.has(entry.clientMessageId)) this.#add(entry, true);
  }

  /** Sends what waits. */
  readonly flush = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const threadId of new Set([...this.#items.values()].map(({ entry }) => entry.threadId)))
      void this.#run(threadId);
  };

  /** One's own message is stored, wherever that was learnt: by its answer, its broadcast, a page, catching up. */
  readonly settle = (message: Message): void => {
    const item = this.#items.get(message.client_message_id ?? "");
    if (item === undefined) return;
    this.#forget(item);
    item.done.resolve(message);
  };

  /** Leaves what is on the device, and nothing else. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#restored = null;
    this.#busy = new Set();
    const items = [...this.#items.values()];
    this.#items.clear();
    for (const { done } of items) done.reject(offline());
  }

  #me(): UserId | null {
    return this.#context.conversations.me.getSnapshot();
  }

  /** Strictly later than the last one: a restart keeps the order. */
  #now(): string {
    this.#lastMs = Math.max(Date.now(), this.#lastMs + 1);
    return new Date(this.#lastMs).toISOString();
  }

  #add(entry: OutboxEntry, isRestored: boolean): Item {
    const written = isRestored ? Promise.resolve() : this.#write(entry);
    const item: Item = { entry, isRestored, written, done: deferred() };
    this.#items.set(entry.clientMessageId, item);
    this.#show(entry);
    return item;
  }

  #write(entry: OutboxEntry): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, WRITE_MS);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#context.storage.put(entry).then(done, done);
    });
  }

  #show(entry: OutboxEntry): void {
    const { table, histories } = this.#context.conversations;
    const thread = table.get(entry.threadId);
    const name = thread && placeOf(thread, entry.userId)?.display_name;
    histories.of(entry.threadId).setPending(entryToChatMessage(entry, name ?? null));
  }

  #forget({ entry }: Item): void {
    this.#items.delete(entry.clientMessageId);
    this.#context.storage.remove(entry.clientMessageId).catch(ignore);
  }

  /** Sends a thread's messages one after the other, until none is left or the connection is gone. */
  async #run(threadId: string): Promise<void> {
    const busy = this.#busy;
    if (busy.has(threadId)) return;
    busy.add(threadId);
    for (let item = this.#next(threadId); item !== undefined; item = this.#next(threadId)) {
      await item.written;
      if (!this.#context.line.isWhole || busy !== this.#busy) break;
      if (!(await this.#deliver(item))) break;
    }
    busy.delete(threadId);
  }

  #next(threadId: string): Item | undefined {
    for (const item of this.#items.values()) {
      if (item.entry.threadId === threadId && item.entry.error === null) return item;
    }
    return undefined;
  }

  /** False if the rest of the thread must wait. */
  async #deliver(item: Item): Promise<boolean> {
    // Fresh messages are in no other tab's outbox, so that only restored ones need the lock.
    if (!item.isRestored) return this.#ask(item);
    const { userId, threadId } = item.entry;
    const act = async () => ((await this.#isStillThere(item)) ? this.#ask(item) : true);
    return exclusively(`vh:outbox:${userId}:${threadId}`, act).catch(() => this.#ask(item));
  }

  async #ask(item: Item): Promise<boolean> {
    const { line, conversations } = this.#context;
    const { threadId, content, clientMessageId } = item.entry;
    if (!this.#items.has(clientMessageId)) return true;
    const request = { thread_id: threadId, content, client_message_id: clientMessageId };
    try {
      // The answer is to this item, whatever it says: else an odd one would be sent for ever.
      const message = { ...(await line.ask("send_message", request)), client_message_id: clientMessageId };
      if (!this.#items.has(clientMessageId)) return true;
      conversations.take(message);
      this.settle(message);
      return true;
    } catch (thrown) {
      const failure = toFailure(thrown);
      if (!this.#items.has(clientMessageId)) return true;
      if (isLasting(failure)) this.#fail(item, failure);
      else if (line.isWhole) this.#timer ??= setTimeout(this.flush, AGAIN_MS);
      return isLasting(failure);
    }
  }

  #fail(item: Item, failure: Failure): void {
    item.entry = { ...item.entry, error: { code: failure.code, message: failure.message } };
    void this.#write(item.entry);
    this.#show(item.entry);
    item.done.reject(failure);
  }

  /** Another tab that had the same message may have sent it, or its person may have given it up. */
  async #isStillThere(item: Item): Promise<boolean> {
    const { storage, catchUp, conversations } = this.#context;
    const { userId, threadId, clientMessageId } = item.entry;
    const entries = await storage.all(userId).catch(() => [item.entry]);
    if (entries.some((entry) => entry.clientMessageId === clientMessageId)) return true;
    this.#items.delete(clientMessageId);
    await catchUp.threads([threadId]).catch(ignore);
    // If it was sent, it has arrived by now and took the place of this one.
    const history = conversations.histories.known(threadId);
    if (history?.isPending(clientMessageId)) history.removePending(clientMessageId);
    return false;
  }
}
