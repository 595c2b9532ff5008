import type { Namespace, TokenAccepted, TokenExpiringEvent } from "../types/generated/contract";
import type { RealtimeClientOptions } from "./types";

const AGAIN_MS = 10_000;

/** What a refresh needs of the connection. */
export interface RefreshOptions {
  readonly getToken: RealtimeClientOptions["getToken"];
  readonly namespaces: readonly Namespace[];
  readonly refresh: (namespace: Namespace, token: string) => Promise<TokenAccepted>;
}

/**
 * Replaces the token in place before it ends. Each namespace is warned, so one refresh answers them all; until it worked
 * it is tried again every ten seconds (the server warns a minute ahead and is patient for half a minute more).
 */
export class TokenRefresh {
  readonly #options: RefreshOptions;
  #turn = 0;
  #busy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: RefreshOptions) {
    this.#options = options;
  }

  /** The server warned. */
  expiring(event: TokenExpiringEvent): void {
    if (this.#busy) return;
    this.#busy = true;
    void this.#refresh(event.expires_at, this.#turn);
  }

  /** The connection is gone; the next one begins with a token of its own. */
  stop(): void {
    this.#turn += 1;
    this.#busy = false;
    clearTimeout(this.#timer);
  }

  async #refresh(expiresAt: string, turn: number): Promise<void> {
    const done = await this.#try(expiresAt).catch(() => false);
    if (turn !== this.#turn) return;
    if (done) this.#busy = false;
    else this.#timer = setTimeout(() => void this.#refresh(expiresAt, turn), AGAIN_MS);
  }

  /** False if the host gave a token that lives no longer than the old one. */
  async #try(expiresAt: string): Promise<boolean> {
    const { getToken, namespaces, refresh } = this.#options;
    const turn = this.#turn;
    const token = await getToken("expiring");
    if (turn !== this.#turn) return false;
    const answers = await Promise.all(namespaces.map((namespace) => refresh(namespace, token)));
    return answers.every((answer) => Date.parse(answer.expires_at) > Date.parse(expiresAt));
  }
}
