import { type Failure, failureOf, isSuccess, timedOut } from "./failure";

interface Ask {
  readonly timer: ReturnType<typeof setTimeout>;
  readonly reject: (failure: Failure) => void;
}

/** Operations that wait for their answer. */
export class Asks {
  readonly #pending = new Set<Ask>();
  readonly #answerMs: number;
  readonly #dead: (failure: Failure) => void;

  /** `dead` is told when an answer took too long: the line cannot be trusted any more. */
  constructor(answerMs: number, dead: (failure: Failure) => void) {
    this.#answerMs = answerMs;
    this.#dead = dead;
  }

  /** Sends something by `emit` and waits for its envelope. */
  ask(emit: (answer: (envelope: unknown) => void) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(ask);
        const failure = timedOut();
        reject(failure);
        this.#dead(failure);
      }, this.#answerMs);
      const ask: Ask = { timer, reject };
      this.#pending.add(ask);
      emit((envelope) => {
        if (!this.#settle(ask)) return;
        if (isSuccess(envelope)) resolve(envelope.data);
        else reject(failureOf(envelope));
      });
    });
  }

  /** The line is gone: whether what was asked happened is not known. */
  fail(failure: Failure): void {
    for (const ask of [...this.#pending]) {
      if (this.#settle(ask)) ask.reject(failure);
    }
  }

  #settle(ask: Ask): boolean {
    clearTimeout(ask.timer);
    return this.#pending.delete(ask);
  }
}
