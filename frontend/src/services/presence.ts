import type { Presence, UserId } from "../types/generated/contract";
import { handled } from "./failure";
import type { Line } from "./line";
import { createStore } from "./store";
import type { PresenceState, PresenceStore } from "./types";

/** The server takes 500 at a time. */
const USERS_AT_ONCE = 500;

const NOBODY: PresenceState = { users: new Map() };

/** Who is there: of those asked for, and of whoever the server tells by itself. */
export class PresenceService implements PresenceStore {
  readonly #line: Line;
  readonly #store = createStore(NOBODY);
  /** Everyone ever asked for, by `String(user_id)`. */
  readonly #wanted = new Map<string, UserId>();
  readonly #due = new Map<string, UserId>();
  #isScheduled = false;

  constructor(line: Line) {
    this.#line = line;
  }

  readonly subscribe = this.#store.subscribe;
  readonly getSnapshot = this.#store.getSnapshot;

  readonly ensure = (userIds: readonly UserId[]): void => {
    for (const userId of userIds) {
      const id = String(userId);
      if (this.#wanted.has(id)) continue;
      this.#wanted.set(id, userId);
      if (!this.getSnapshot().users.has(id)) this.#due.set(id, userId);
    }
    this.#schedule();
  };

  readonly hear = (presence: Presence): void => this.#put([presence]);

  /** There is a new connection: what was known may be old. */
  refresh(): void {
    for (const [id, userId] of this.#wanted) this.#due.set(id, userId);
    for (const [id, { user_id }] of this.getSnapshot().users) this.#due.set(id, user_id);
    this.#schedule();
  }

  clear(): void {
    this.#due.clear();
    this.#store.set(NOBODY);
  }

  /** Many components ask in the same tick. */
  #schedule(): void {
    if (this.#isScheduled || this.#due.size === 0 || !this.#line.isWhole) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      const due = [...this.#due.values()];
      this.#due.clear();
      for (let start = 0; start < due.length; start += USERS_AT_ONCE) {
        handled(this.#ask(due.slice(start, start + USERS_AT_ONCE)));
      }
    });
  }

  async #ask(userIds: readonly UserId[]): Promise<void> {
    if (!this.#line.can("get_presence")) return;
    const { users } = await this.#line.ask("get_presence", { user_ids: [...userIds] });
    if (this.#line.isWhole) this.#put(users);
  }

  #put(presences: readonly Presence[]): void {
    const { users } = this.getSnapshot();
    const news = presences.filter((presence) => !isEqual(users.get(String(presence.user_id)), presence));
    if (news.length === 0) return;
    this.#store.set({
      users: new Map([...users, ...news.map((presence) => [String(presence.user_id), presence] as const)]),
    });
  }
}

function isEqual(one: Presence | undefined, other: Presence): boolean {
  return (
    one !== undefined &&
    one.state === other.state &&
    one.is_online === other.is_online &&
    one.last_seen === other.last_seen &&
    one.user_name === other.user_name
  );
}
