import type { Namespace, OperationName, Operations } from "../types/generated/contract";
import { Asks } from "./asks";
import { Failure, offline } from "./failure";
import { homeOf } from "./namespaces";
import type { ConnectionState } from "./types";
import { Waiting } from "./waiting";
import type { Wire } from "./wire";

/** What asking depends on. */
export interface AskerOptions {
  readonly namespaces: readonly Namespace[];
  readonly answerMs: number;
  readonly state: () => ConnectionState;
  readonly wire: () => Wire | null;
  /** An answer took too long: the line cannot be trusted any more. */
  readonly dead: (failure: Failure) => void;
}

/** Asks operations on the wire that there is, or waits for the one that is being made. */
export class Asker {
  readonly #options: AskerOptions;
  readonly #asks: Asks;
  readonly #waiting: Waiting;

  constructor(options: AskerOptions) {
    this.#options = options;
    this.#asks = new Asks(options.answerMs, options.dead);
    this.#waiting = new Waiting(options.answerMs);
  }

  /** Whether an operation can be asked on the namespaces that we join. */
  can(name: OperationName): boolean {
    return homeOf(name, {}, this.#options.namespaces) !== undefined;
  }

  /** Asks; while the first connection is being made, as soon as it is. Between attempts it fails at once. */
  readonly ask = async <Name extends OperationName>(
    name: Name,
    request: Operations[Name]["request"],
  ): Promise<Operations[Name]["response"]> => {
    const home = homeOf(name, request, this.#options.namespaces);
    if (home === undefined) throw new Failure("unknown_operation", `No namespace of this client knows ${name}.`, false);
    const { status, error } = this.#options.state();
    if (status === "refused") throw error ?? offline();
    if (status === "waiting") throw offline();
    if (status !== "online") await this.#waiting.wait();
    return this.askOn(home, name, request);
  };

  /** Asks on one namespace, now. */
  askOn<Name extends OperationName>(
    namespace: Namespace,
    name: Name,
    request: Operations[Name]["request"],
  ): Promise<Operations[Name]["response"]> {
    const wire = this.#options.wire();
    if (wire === null) return Promise.reject(offline());
    // What the server answers to an operation is what its contract says; nothing here could check it more cheaply.
    return this.#asks.ask((answer) => wire.emit(namespace, name, request, answer)) as Promise<
      Operations[Name]["response"]
    >;
  }

  /** The connection is whole. */
  go(): void {
    this.#waiting.go();
  }

  /** It is gone, or was not to be had. */
  fail(failure: Failure): void {
    this.#asks.fail(failure);
    this.#waiting.fail(failure);
  }
}
