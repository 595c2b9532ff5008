import type { Thread } from "../types/generated/contract";
import { handled, ignore } from "./failure";
import type { Line } from "./line";

/** In which threads we hear who types: joined while at least one caller wants it, and again on each connection. */
export class Joins {
  readonly #line: Line;
  readonly #counts = new Map<string, number>();
  readonly #joined: (thread: Thread) => void;

  /** `joined` is told the thread where joining answers it (on `/threads`, which has no list). */
  constructor(line: Line, joined: (thread: Thread) => void) {
    this.#line = line;
    this.#joined = joined;
  }

  readonly join = (threadId: string): (() => void) => {
    const count = this.#counts.get(threadId) ?? 0;
    this.#counts.set(threadId, count + 1);
    if (count === 0) this.#tell(threadId, true);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#leave(threadId);
    };
  };

  /** There is a new connection, which has joined nothing yet. */
  rejoin(): void {
    for (const threadId of this.#counts.keys()) this.#tell(threadId, true);
  }

  #leave(threadId: string): void {
    const count = (this.#counts.get(threadId) ?? 0) - 1;
    if (count > 0) this.#counts.set(threadId, count);
    else {
      this.#counts.delete(threadId);
      this.#tell(threadId, false);
    }
  }

  /** Typing is a courtesy: what goes wrong here is not worth a word. */
  #tell(threadId: string, isJoining: boolean): void {
    if (!this.#line.isWhole) return;
    const request = { thread_id: threadId };
    if (this.#line.can("join_conversation")) {
      handled(this.#line.ask(isJoining ? "join_conversation" : "leave_conversation", request));
    } else if (!isJoining) {
      handled(this.#line.ask("leave", request));
    } else {
      this.#line.ask("join", request).then(this.#joined).catch(ignore);
    }
  }
}
