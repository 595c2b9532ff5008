import type { TokenReason } from "../../services/types";
import type { UserId } from "../../types/generated/contract";
import { readClaims } from "./claims";
import type { Session, Sessions } from "./session";

const NEAR_END_MS = 60_000;

function isWorn(token: string, now: number): boolean {
  const claims = readClaims(token);
  return claims !== null && claims.expiresAt - now < NEAR_END_MS;
}

/**
 * Where the client takes its tokens from. A demo person's are renewed when they are refused or near their end; other
 * tokens come from the user's own site, so the kept one is all there is, and the server says when it will not do.
 */
export function createTokenSource(
  sessions: Sessions,
  renewDemo: (id: UserId) => Promise<Session | null>,
): (reason: TokenReason) => Promise<string> {
  let renewing: Promise<Session | null> | null = null;
  const renew = (id: UserId) => {
    renewing ??= renewDemo(id).finally(() => {
      renewing = null;
    });
    return renewing;
  };

  return async (reason) => {
    const { session } = sessions.getSnapshot();
    if (!session) throw new Error("nobody is signed in");
    const mayRenew = session.kind === "demo" && session.userId !== null;
    if (!mayRenew || (reason === "connect" && !isWorn(session.token, Date.now()))) return session.token;
    const renewed = await renew(session.userId);
    if (!renewed) return session.token;
    sessions.renew(renewed.token);
    return renewed.token;
  };
}
