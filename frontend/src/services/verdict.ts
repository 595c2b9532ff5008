import type { ConnectionClosingEvent } from "../types/generated/contract";
import { type Failure, failureOfCode, isLasting, isTokenProblem } from "./failure";

/**
 * What to do after the server's no. later: back off and try again. fresh: at once, with another token. never: it will
 * not have us, whatever we do.
 */
export type Verdict = "later" | "fresh" | "never";

/** What follows from a refused connect; `triedFresh`: a new token was asked for already since we were last let in. */
export function verdictOnRefusal(failure: Failure, triedFresh: boolean): Verdict {
  if (isTokenProblem(failure.code)) return triedFresh ? "never" : "fresh";
  // `internal` is what we make of something unreadable: a proxy's word, perhaps, and not the server's.
  const isFinal = failure.code === "revoked" || (isLasting(failure) && failure.code !== "internal");
  return isFinal ? "never" : "later";
}

/** Why a connection ended, and what follows. What the server said before it closed goes before what we saw. */
export function verdictOnLoss(
  seen: Failure,
  closing: ConnectionClosingEvent | null,
): { readonly failure: Failure; readonly verdict: Verdict } {
  const failure = (closing && failureOfCode(closing.code)) ?? seen;
  if (isTokenProblem(failure.code)) return { failure, verdict: "fresh" };
  return { failure, verdict: closing !== null && !closing.retryable ? "never" : "later" };
}
