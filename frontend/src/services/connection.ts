import type {
  ConnectionClosingEvent,
  ConnectionEstablishedEvent,
  EventName,
  Events,
  Namespace,
  OperationName,
} from "../types/generated/contract";
import { Asker } from "./asker";
import { BACKOFF, delayAfter } from "./backoff";
import { Emitter } from "./emitter";
import { EventBus } from "./eventBus";
import { type Failure, failureOf, offline, timedOut, toFailure } from "./failure";
import { NAMESPACES } from "./namespaces";
import { createStore, patch } from "./store";
import { TokenRefresh } from "./tokenRefresh";
import type { ConnectionState, RealtimeClientOptions, Store, TokenReason } from "./types";
import { verdictOnLoss, verdictOnRefusal } from "./verdict";
import { onNetworkBack, pageVisibility } from "./visibility";
import { type OpenWire, openSocketIo, type Wire, type WireOptions } from "./wire";

const IDLE: ConnectionState = {
  status: "idle",
  attempt: 0,
  retryAt: null,
  error: null,
  wasOnline: false,
  degraded: null,
};
const ANSWER_MS = 10_000;
/** After `connection_closing` the server closes; if it does not, we do. */
const CLOSING_MS = 2_000;
const WEBSOCKET_FIRST = ["websocket", "polling"] as const;
const POLLING_FIRST = ["polling", "websocket"] as const;

/** What a test replaces. */
export interface ConnectionSeams {
  readonly openWire?: OpenWire;
  readonly random?: () => number;
}

/**
 * The connection of one person: all namespaces on one transport, whole once each of them greeted us, and opened again
 * whenever it is lost.
 *
 * WebSocket is tried first: it needs one round trip where polling needs three before the first message, and no routing
 * of all of a client's requests to the same process. Where it is refused, polling is tried in the same attempt; where
 * it only hangs (some proxies), the next attempt begins with polling, and that order is kept once it worked.
 */
export class Connection {
  readonly namespaces: readonly Namespace[];
  /** Told each time that every namespace is connected. */
  readonly whole = new Emitter<ConnectionEstablishedEvent>();
  /** Told each time that a whole connection ends. */
  readonly lost = new Emitter<void>();
  readonly ask: Asker["ask"];
  readonly #options: RealtimeClientOptions;
  readonly #openWire: OpenWire;
  readonly #random: () => number;
  readonly #state = createStore(IDLE);
  readonly #events = new EventBus();
  readonly #answerMs: number;
  readonly #asker: Asker;
  readonly #refresh: TokenRefresh;
  readonly #greeted = new Set<Namespace>();
  #wire: Wire | null = null;
  /** Changes with each attempt and each end, so that whatever was begun before knows that it is over. */
  #turn = 0;
  #failures = 0;
  #transports: WireOptions["transports"] = WEBSOCKET_FIRST;
  #closing: ConnectionClosingEvent | null = null;
  /** One at a time: the attempt's deadline, the wait for the next attempt, or the server's time to close. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What the next token must be; "refused" from the server's no until it lets us in. */
  #nextReason: TokenReason = "connect";
  #unlisten: (() => void)[] | null = null;

  constructor(options: RealtimeClientOptions, seams: ConnectionSeams = {}) {
    this.#options = options;
    this.namespaces = options.namespaces ?? NAMESPACES;
    this.#openWire = seams.openWire ?? openSocketIo;
    this.#random = seams.random ?? Math.random;
    this.#answerMs = options.answerMs ?? ANSWER_MS;
    this.#asker = new Asker({
      namespaces: this.namespaces,
      answerMs: this.#answerMs,
      state: this.#state.getSnapshot,
      wire: () => this.#wire,
      dead: (failure) => this.#lose(failure),
    });
    this.ask = this.#asker.ask;
    this.#refresh = new TokenRefresh({
      getToken: options.getToken,
      namespaces: this.namespaces,
      refresh: (namespace, token) => this.#asker.askOn(namespace, "refresh_token", { token }),
    });
  }

  can(name: OperationName): boolean {
    return this.#asker.can(name);
  }

  get state(): Store<ConnectionState> {
    return this.#state;
  }

  get isWhole(): boolean {
    return this.#state.getSnapshot().status === "online";
  }

  readonly on = <Name extends EventName>(name: Name, listener: (payload: Events[Name]) => void): (() => void) =>
    this.#events.on(name, listener);

  start(): void {
    if (this.#unlisten !== null) return;
    const visibility = this.#options.visibility ?? pageVisibility();
    const hurry = () => {
      if (this.#state.getSnapshot().status === "waiting") this.#begin(this.#nextReason);
    };
    this.#unlisten = [
      onNetworkBack(hurry),
      visibility.subscribe(() => {
        if (visibility.isVisible()) hurry();
      }),
    ];
    this.#begin("connect");
  }

  stop(): void {
    if (this.#unlisten === null) return;
    for (const unlisten of this.#unlisten) unlisten();
    this.#unlisten = null;
    this.#failures = 0;
    this.#end(offline(), IDLE);
  }

  retryNow(): void {
    const { status } = this.#state.getSnapshot();
    if (status === "waiting") this.#begin(this.#nextReason);
    if (status === "refused") this.#begin("refused");
  }

  #begin(reason: TokenReason): void {
    this.#nextReason = reason;
    const turn = this.#nextTurn();
    const { attempt } = this.#state.getSnapshot();
    patch(this.#state, { status: "connecting", attempt: attempt + 1, retryAt: null });
    void this.#attempt(reason, turn);
  }

  async #attempt(reason: TokenReason, turn: number): Promise<void> {
    try {
      const token = await this.#options.getToken(reason);
      if (turn === this.#turn) this.#open(token, turn);
    } catch (thrown) {
      if (turn === this.#turn) this.#lose(toFailure(thrown));
    }
  }

  #open(token: string, turn: number): void {
    const { url, locale, transports } = this.#options;
    this.#after(this.#answerMs, () => this.#lose(timedOut()));
    const current =
      <Args extends unknown[]>(listener: (...args: Args) => void) =>
      (...args: Args) => {
        if (turn === this.#turn) listener(...args);
      };
    const wire = this.#openWire(
      {
        url,
        namespaces: this.namespaces,
        auth: locale === undefined ? { token } : { token, locale },
        transports: transports ?? this.#transports,
      },
      {
        event: current((namespace, name, payload) => this.#hear(namespace, name, payload)),
        refused: current((envelope) => this.#refusedBy(failureOf(envelope))),
        closed: current(() => this.#lose(offline())),
      },
    );
    if (turn === this.#turn) this.#wire = wire;
    else wire.close();
  }

  #hear(namespace: Namespace, name: string, payload: unknown): void {
    this.#events.read(name, payload, {
      connection_established: (greeting) => this.#greet(namespace, greeting),
      token_expiring: (event) => this.#refresh.expiring(event),
      service_degraded: ({ reason }) => patch(this.#state, { degraded: reason }),
      service_restored: () => patch(this.#state, { degraded: null }),
      connection_closing: (event) => {
        this.#closing = event;
        this.#after(CLOSING_MS, () => this.#lose(offline()));
      },
    });
  }

  #greet(namespace: Namespace, greeting: ConnectionEstablishedEvent): void {
    this.#greeted.add(namespace);
    if (this.#greeted.size < this.namespaces.length || this.isWhole) return;
    clearTimeout(this.#timer);
    this.#failures = 0;
    this.#nextReason = "connect";
    patch(this.#state, { status: "online", attempt: 0, retryAt: null, error: null, wasOnline: true });
    this.whole.emit(greeting);
    this.#asker.go();
  }

  #refusedBy(failure: Failure): void {
    const verdict = verdictOnRefusal(failure, this.#nextReason === "refused");
    if (verdict === "fresh") this.#begin("refused");
    else if (verdict === "never") this.#refuse(failure);
    else this.#lose(failure);
  }

  #refuse(failure: Failure): void {
    this.#end(failure, { ...this.#state.getSnapshot(), status: "refused", retryAt: null, error: failure });
  }

  /** The connection, or the attempt, is over; there will be another, unless the server said that it is no use. */
  #lose(seen: Failure): void {
    const { failure, verdict } = verdictOnLoss(seen, this.#closing);
    if (verdict === "never") {
      this.#refuse(failure);
      return;
    }
    const state = this.#state.getSnapshot();
    if (seen.code === "timeout" && !state.wasOnline) this.#swapTransports();
    if (verdict === "fresh") this.#nextReason = "refused";
    this.#failures += 1;
    const atLeast = this.#closing?.reconnect_after_ms ?? 0;
    const delay = atLeast + delayAfter(this.#failures, this.#options.backoff ?? BACKOFF, this.#random);
    this.#end(offline(), { ...state, status: "waiting", retryAt: Date.now() + delay, error: failure });
    this.#after(delay, () => this.#begin(this.#nextReason));
  }

  #swapTransports(): void {
    this.#transports = this.#transports === WEBSOCKET_FIRST ? POLLING_FIRST : WEBSOCKET_FIRST;
  }

  #end(failure: Failure, state: ConnectionState): void {
    const wasWhole = this.#greeted.size === this.namespaces.length;
    this.#nextTurn();
    // Whether it still is, the next connection is told.
    this.#state.set({ ...state, degraded: null });
    this.#asker.fail(failure);
    if (wasWhole) this.lost.emit();
  }

  /** Whatever the last turn had is closed. */
  #nextTurn(): number {
    clearTimeout(this.#timer);
    this.#refresh.stop();
    this.#greeted.clear();
    this.#closing = null;
    this.#wire?.close();
    this.#wire = null;
    this.#turn += 1;
    return this.#turn;
  }

  #after(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, ms);
  }
}
