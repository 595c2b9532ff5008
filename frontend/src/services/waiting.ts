import { type Failure, offline } from "./failure";

interface Waiter {
  readonly timer: ReturnType<typeof setTimeout>;
  readonly go: () => void;
  readonly fail: (failure: Failure) => void;
}

/** Those who wait for the connection that is being made. */
export class Waiting {
  readonly #waiters = new Set<Waiter>();
  readonly #longestMs: number;

  constructor(longestMs: number) {
    this.#longestMs = longestMs;
  }

  /** Resolves once there is a connection; rejects when the attempt fails, or after the longest wait. */
  wait(): Promise<void> {
    return new Promise((go, fail) => {
      const timer = setTimeout(() => this.#settle(waiter, () => fail(offline())), this.#longestMs);
      const waiter: Waiter = { timer, go, fail };
      this.#waiters.add(waiter);
    });
  }

  go(): void {
    for (const waiter of [...this.#waiters]) this.#settle(waiter, waiter.go);
  }

  fail(failure: Failure): void {
    for (const waiter of [...this.#waiters]) this.#settle(waiter, () => waiter.fail(failure));
  }

  #settle(waiter: Waiter, act: () => void): void {
    clearTimeout(waiter.timer);
    this.#waiters.delete(waiter);
    act();
  }
}
