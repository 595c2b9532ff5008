import { type HistoryContext, MessageHistory } from "./history";

/** The histories that were asked for. They stay the same objects, also when what they held is forgotten. */
export class Histories {
  readonly #all = new Map<string, MessageHistory>();
  readonly #context: (threadId: string) => HistoryContext;
  readonly #made: (threadId: string, history: MessageHistory) => void;

  /** `made` prepares a new one. */
  constructor(
    context: (threadId: string) => HistoryContext,
    made: (threadId: string, history: MessageHistory) => void,
  ) {
    this.#context = context;
    this.#made = made;
  }

  of(threadId: string): MessageHistory {
    const known = this.#all.get(threadId);
    if (known !== undefined) return known;
    const history = new MessageHistory(threadId, this.#context(threadId));
    this.#all.set(threadId, history);
    this.#made(threadId, history);
    return history;
  }

  /** The history if anybody asked for it. */
  known(threadId: string): MessageHistory | undefined {
    return this.#all.get(threadId);
  }

  resume(): void {
    for (const history of this.#all.values()) history.resume();
  }

  reset(): void {
    for (const history of this.#all.values()) history.reset();
  }
}
