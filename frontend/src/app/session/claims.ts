import type { UserId } from "../../types/generated/contract";

/** What an access token says of its bearer. Read for showing only: whether it is true, the server checks. */
export interface Claims {
  readonly userId: UserId | null;
  readonly name: string | null;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Whether a value is an object whose fields may be looked at. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is what the server calls a user id. */
export function isUserId(value: unknown): value is UserId {
  return typeof value === "number" || (typeof value === "string" && value !== "");
}

function decode(part: string): unknown {
  const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** The claims of a token; null if it is none, or has no end. */
export function readClaims(token: string): Claims | null {
  const [, body, signature, ...rest] = token.split(".");
  if (!body || !signature || rest.length > 0) return null;
  try {
    const claims = decode(body);
    if (!isRecord(claims) || typeof claims.exp !== "number") return null;
    return {
      userId: isUserId(claims.user_id) ? claims.user_id : null,
      name: typeof claims.name === "string" && claims.name !== "" ? claims.name : null,
      expiresAt: claims.exp * 1000,
    };
  } catch {
    return null;
  }
}
