/** Listeners of one kind. One that throws does not keep the others from hearing. */
export class Emitter<Payload> {
  readonly #listeners = new Set<(payload: Payload) => void>();

  readonly on = (listener: (payload: Payload) => void): (() => void) => {
    // Wrapped, so that the same function registered twice is told twice and removed one by one.
    const own = (payload: Payload) => listener(payload);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  };

  readonly emit = (payload: Payload): void => {
    for (const listener of [...this.#listeners]) {
      if (!this.#listeners.has(listener)) continue;
      try {
        listener(payload);
      } catch (error) {
        report(error);
      }
    }
  };
}

/** Shows a listener's exception where exceptions are shown, without breaking what we are in the middle of. */
function report(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
