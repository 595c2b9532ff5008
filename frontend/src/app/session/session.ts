import { createStore } from "../../services/store";
import type { Store } from "../../services/types";
import type { UserId } from "../../types/generated/contract";
import { isRecord, isUserId, readClaims } from "./claims";

/** Who is signed in on this tab, and where newer tokens come from: the demo's own, or the user's own site. */
export interface Session {
  readonly kind: "demo" | "token";
  readonly token: string;
  /** null where the token names its bearer in a claim that we do not know; the server tells once connected. */
  readonly userId: UserId | null;
  readonly name: string | null;
}

/** Why the last session ended, for the sign-in page. */
export interface EndReason {
  readonly code: string;
  readonly message: string;
}

export interface SessionState {
  readonly session: Session | null;
  readonly ended: EndReason | null;
}

/**
 * The tab's session. It lives in sessionStorage, so that each tab is a person of its own; `remember` also puts it into
 * localStorage, from where new tabs take it.
 */
export interface Sessions extends Store<SessionState> {
  signIn(session: Session, remember: boolean): void;
  /** The same person with a newer token. */
  renew(token: string): void;
  signOut(reason?: EndReason): void;
}

export const SESSION_KEY = "verihome-session";
/** Written where a session was: a tab that signed out does not take up the remembered one by itself. */
const SIGNED_OUT = "signed-out";

function isSession(value: unknown): value is Session {
  return (
    isRecord(value) &&
    (value.kind === "demo" || value.kind === "token") &&
    typeof value.token === "string" &&
    (value.userId === null || isUserId(value.userId)) &&
    (value.name === null || typeof value.name === "string")
  );
}

function read(storage: Storage): Session | null {
  try {
    const value: unknown = JSON.parse(storage.getItem(SESSION_KEY) ?? "null");
    return isSession(value) ? value : null;
  } catch {
    return null;
  }
}

/** Whether two sessions are the same person's, as far as can be known. */
export function isSamePerson(one: Session | null, other: Session | null): boolean {
  return one !== null && other !== null && String(one.userId) === String(other.userId);
}

/** The session that a token makes; null if it is none, or its time is over. */
export function sessionOfToken(token: string, now = Date.now()): Session | null {
  const claims = readClaims(token.trim());
  if (!claims || claims.expiresAt <= now) return null;
  return { kind: "token", token: token.trim(), userId: claims.userId, name: claims.name };
}

/** Takes up what the tab's storage holds, else the device's. */
export function createSessions(tab: Storage, device: Storage): Sessions {
  const signedOut = tab.getItem(SESSION_KEY) === SIGNED_OUT;
  const start = signedOut ? null : (read(tab) ?? read(device));
  const store = createStore<SessionState>({ session: start, ended: null }, (tell) => tell());
  const isRemembered = () => isSamePerson(read(device), store.getSnapshot().session);
  const keep = (session: Session, remember: boolean) => {
    const text = JSON.stringify(session);
    tab.setItem(SESSION_KEY, text);
    if (remember) device.setItem(SESSION_KEY, text);
    store.set({ session, ended: null });
  };
  if (start) tab.setItem(SESSION_KEY, JSON.stringify(start));

  return {
    subscribe: store.subscribe,
    getSnapshot: store.getSnapshot,
    signIn: keep,
    renew(token) {
      const { session } = store.getSnapshot();
      if (session) keep({ ...session, token }, isRemembered());
    },
    signOut(reason) {
      if (isRemembered()) device.removeItem(SESSION_KEY);
      tab.setItem(SESSION_KEY, SIGNED_OUT);
      store.set({ session: null, ended: reason ?? null });
    },
  };
}
