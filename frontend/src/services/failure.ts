import { type Answer, ERRORS, type ErrorBody, type ErrorCode } from "../types/generated/contract";
import type { RealtimeFailure } from "./types";

/** The one class of RealtimeFailure. Its `message` is the server's, in the person's language, or ours, for logs. */
export class Failure extends Error implements RealtimeFailure {
  override readonly name = "RealtimeFailure";

  constructor(
    readonly code: RealtimeFailure["code"],
    message: string,
    readonly retryable: boolean,
    readonly details: ErrorBody["details"] = {},
  ) {
    super(message);
  }
}

/** There is no connection, or it went before the answer came. */
export const offline = (): Failure => new Failure("offline", "There is no connection to the server.", true);

/** The line seems to be there, but nothing comes back. */
export const timedOut = (): Failure => new Failure("timeout", "The server did not answer in time.", true);

/** Tells a code of the contract from other text. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERRORS, code);
}

/** A failure for a code alone (`connection_closing` has no more); null for one that is no error, such as `draining`. */
export function failureOfCode(code: string): Failure | null {
  return isErrorCode(code)
    ? new Failure(code, `The server ended the connection: ${code}.`, ERRORS[code].retryable)
    : null;
}

/** The error of an envelope. Whatever cannot be read counts as `internal`. */
export function failureOf(envelope: unknown): Failure {
  const error = isRecord(envelope) && isRecord(envelope.error) ? envelope.error : {};
  const code = isErrorCode(error.code) ? error.code : "internal";
  const message = typeof error.message === "string" ? error.message : "The server answered something unreadable.";
  const retryable = typeof error.retryable === "boolean" ? error.retryable : ERRORS[code].retryable;
  return new Failure(code, message, retryable, isRecord(error.details) ? error.details : {});
}

/** Any thrown thing as a failure; what a host's own code throws (getToken, say) may pass and is worth another try. */
export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new Failure("unavailable", message, true);
}

/** Whether an answer is the envelope of a success. */
export function isSuccess(envelope: unknown): envelope is Extract<Answer<unknown>, { ok: true }> {
  return isRecord(envelope) && envelope.ok === true && "data" in envelope;
}

/** Codes that a newer token may cure. */
export function isTokenProblem(code: string): boolean {
  return code === "unauthenticated" || code === "token_expired";
}

/**
 * Whether the same request will be refused again. Trouble with the token is not the request's fault: the connection
 * ends over it, and the request may go out on the next.
 */
export function isLasting(failure: RealtimeFailure): boolean {
  return !failure.retryable && !isTokenProblem(failure.code) && failure.code !== "revoked";
}

/** Narrows to an object whose fields can be looked at. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** For work whose failure is shown elsewhere, or will be tried again by itself. */
export const ignore = (): void => {};

/** Marks a promise's failure as seen: the caller may look at it, but need not. */
export function handled<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(ignore);
  return promise;
}
