import type { CatchUp } from "./catchUp";
import type { Conversations } from "./conversations";
import { handled } from "./failure";
import type { Line } from "./line";
import type { NotificationService } from "./notifications";
import type { ThreadService } from "./threads";
import type { Visibility } from "./types";

/** The server compares so many revisions at once. */
const HEADS = 100;

/** What looks for that of which no event came. */
export interface Lookouts {
  readonly catchUp: Pick<CatchUp, "threads">;
  readonly threads: Pick<ThreadService, "checkNewest">;
  readonly notifications: Pick<NotificationService, "catchUp">;
}

/**
 * At the server's interval: says that we are here and whether in sight, and compares what we hold with what the server
 * has, so that whatever went missing is found also on a connection that answers but tells nothing. An answer that does
 * not come ends the connection.
 */
export class Heartbeat {
  readonly #line: Line;
  readonly #conversations: Conversations;
  readonly #lookouts: Lookouts;
  readonly #visibility: Visibility;
  #timer: ReturnType<typeof setInterval> | undefined;
  #unlisten = (): void => {};

  constructor(line: Line, conversations: Conversations, lookouts: Lookouts, visibility: Visibility) {
    this.#line = line;
    this.#conversations = conversations;
    this.#lookouts = lookouts;
    this.#visibility = visibility;
  }

  start(intervalS: number): void {
    this.stop();
    this.#unlisten = this.#visibility.subscribe(this.#beat);
    this.#timer = setInterval(() => {
      this.#beat();
      handled(this.#compare());
    }, intervalS * 1_000);
    this.#beat();
  }

  stop(): void {
    this.#unlisten();
    clearInterval(this.#timer);
  }

  readonly #beat = (): void => {
    if (!this.#line.isWhole || !this.#line.can("heartbeat")) return;
    handled(this.#line.ask("heartbeat", { visible: this.#visibility.isVisible() }));
  };

  async #compare(): Promise<void> {
    if (!this.#line.isWhole) return;
    const { threads, notifications } = this.#lookouts;
    await Promise.all([this.#compareHeads(), threads.checkNewest(), notifications.catchUp()]);
  }

  async #compareHeads(): Promise<void> {
    const { table, revisions } = this.#conversations;
    const recent = table.store.getSnapshot().threads.slice(0, HEADS);
    const heads = recent.map(({ id }) => [id, revisions.get(id) ?? 0] as const);
    const { behind } = await this.#line.ask("ping", { heads: Object.fromEntries(heads) });
    if (behind.length > 0) await this.#lookouts.catchUp.threads(behind);
  }
}
