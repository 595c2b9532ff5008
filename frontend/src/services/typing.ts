import type { TypingNotificationEvent, UserId } from "../types/generated/contract";
import { handled } from "./failure";
import type { Line } from "./line";
import { isSameUser } from "./receipts";
import { createStore } from "./store";
import type { Store, TypingState, TypingUser } from "./types";

/** The server forgets after 6 s; a lost `stop` must not leave someone typing for ever. */
const FORGET_MS = 8_000;

const NOBODY: TypingState = { users: [] };
const idOf = (threadId: string, userId: UserId | null): string => `${threadId} ${userId}`;

/** Who types, by what we hear. */
export class TypingIn implements Store<TypingState> {
  readonly #store = createStore(NOBODY);
  readonly #typing = new Map<string, { readonly user: TypingUser; readonly timer: ReturnType<typeof setTimeout> }>();
  readonly #me: () => UserId | null;

  constructor(me: () => UserId | null) {
    this.#me = me;
  }

  readonly subscribe = this.#store.subscribe;
  readonly getSnapshot = this.#store.getSnapshot;

  readonly hear = (event: TypingNotificationEvent): void => {
    if (isSameUser(event.user_id, this.#me())) return;
    if (!event.is_typing) {
      this.stopped(event.thread_id, event.user_id);
      return;
    }
    const id = idOf(event.thread_id, event.user_id);
    const known = this.#typing.get(id);
    clearTimeout(known?.timer);
    const timer = setTimeout(() => this.stopped(event.thread_id, event.user_id), FORGET_MS);
    const user = known?.user ?? { userId: event.user_id, userName: event.user_name, threadId: event.thread_id };
    this.#typing.set(id, { user, timer });
    if (known === undefined) this.#publish();
  };

  /** They stopped, or their message is here. */
  stopped(threadId: string, userId: UserId | null): void {
    const id = idOf(threadId, userId);
    const known = this.#typing.get(id);
    if (known === undefined) return;
    clearTimeout(known.timer);
    this.#typing.delete(id);
    this.#publish();
  }

  clear(): void {
    for (const { timer } of this.#typing.values()) clearTimeout(timer);
    this.#typing.clear();
    this.#publish();
  }

  #publish(): void {
    const users = [...this.#typing.values()].map(({ user }) => user);
    this.#store.set(users.length === 0 ? NOBODY : { users });
  }
}

const RENEW_MS = 3_000;
const PAUSE_MS = 4_000;

interface Typing {
  readonly toldAt: number;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Tells others that we type: at most every three seconds, and that we stopped after a pause of four. */
export class TypingOut {
  readonly #line: Line;
  readonly #typing = new Map<string, Typing>();

  constructor(line: Line) {
    this.#line = line;
  }

  /** A keystroke. */
  readonly start = (threadId: string): void => {
    if (!this.#line.isWhole) return;
    const known = this.#typing.get(threadId);
    clearTimeout(known?.timer);
    const timer = setTimeout(() => this.stop(threadId), PAUSE_MS);
    const isDue = known === undefined || Date.now() - known.toldAt >= RENEW_MS;
    this.#typing.set(threadId, { timer, toldAt: isDue ? Date.now() : known.toldAt });
    if (isDue) handled(this.#line.ask("typing_start", { thread_id: threadId }));
  };

  readonly stop = (threadId: string): void => {
    if (!this.#forget(threadId) || !this.#line.isWhole) return;
    handled(this.#line.ask("typing_stop", { thread_id: threadId }));
  };

  /** The connection is gone, and with it what others saw of us. */
  clear(): void {
    for (const threadId of [...this.#typing.keys()]) this.#forget(threadId);
  }

  #forget(threadId: string): boolean {
    clearTimeout(this.#typing.get(threadId)?.timer);
    return this.#typing.delete(threadId);
  }
}
