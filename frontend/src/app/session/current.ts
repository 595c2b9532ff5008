import { useSyncExternalStore } from "react";
import { startDemoSession } from "./demo";
import { takeTokenOfAddress } from "./fragment";
import { createSessions, isSamePerson, type Session, type SessionState, sessionOfToken } from "./session";
import { createTokenSource } from "./tokens";

/** This tab's session. */
export const sessions = createSessions(sessionStorage, localStorage);

/** Where this tab's client takes its tokens from. */
export const getToken = createTokenSource(sessions, startDemoSession);

/** This tab's session, followed. */
export function useSessionState(): SessionState {
  return useSyncExternalStore(sessions.subscribe, sessions.getSnapshot);
}

/**
 * Takes the token out of the address, if there is one. Whoever comes without a session is signed in by it, and whoever
 * has one of the same person gets the newer token; another person's session is returned, to be asked about.
 */
export function takeSessionOfAddress(): Session | null {
  const token = takeTokenOfAddress(location, history);
  const session = token === null ? null : sessionOfToken(token);
  if (!session) return null;
  const current = sessions.getSnapshot().session;
  if (!current || isSamePerson(current, session)) {
    sessions.signIn(session, false);
    return null;
  }
  return session;
}
