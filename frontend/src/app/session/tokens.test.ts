import { beforeEach, describe, expect, it, vi } from "vitest";
import { createSessions, type Session } from "./session";
import { createTokenSource } from "./tokens";

function tokenUntil(msFromNow: number): string {
  const body = btoa(JSON.stringify({ exp: Math.floor((Date.now() + msFromNow) / 1000) })).replaceAll("=", "");
  return `h.${body}.s`;
}

const FRESH = tokenUntil(3_600_000);
const WORN = tokenUntil(30_000);
const person = (token: string, kind: Session["kind"] = "demo"): Session => ({ kind, token, userId: 1, name: "María" });

function source(session: Session | null, renew = vi.fn(async () => person("renewed") as Session | null)) {
  const sessions = createSessions(sessionStorage, localStorage);
  if (session) sessions.signIn(session, false);
  return { getToken: createTokenSource(sessions, renew), renew, sessions };
}

beforeEach(() => {
  sessionStorage.clear();
  localStorage.clear();
});

describe("the token source", () => {
  it("gives the kept token while it is good", async () => {
    const { getToken, renew } = source(person(FRESH));
    expect(await getToken("connect")).toBe(FRESH);
    expect(renew).not.toHaveBeenCalled();
  });

  it.each([
    ["connect", WORN],
    ["expiring", FRESH],
    ["refused", FRESH],
  ] as const)("renews a demo person's token: %s", async (reason, token) => {
    const { getToken, sessions } = source(person(token));
    expect(await getToken(reason)).toBe("renewed");
    expect(sessions.getSnapshot().session?.token).toBe("renewed");
  });

  it("renews once for all connections", async () => {
    const { getToken, renew } = source(person(FRESH));
    await Promise.all([getToken("refused"), getToken("refused"), getToken("expiring")]);
    expect(renew).toHaveBeenCalledTimes(1);
    await getToken("refused");
    expect(renew).toHaveBeenCalledTimes(2);
  });

  it("keeps the old token where the demo is over, so that the server says why", async () => {
    const { getToken } = source(
      person(FRESH),
      vi.fn(async () => null),
    );
    expect(await getToken("refused")).toBe(FRESH);
  });

  it("fails, and tries anew next time, when the server is away", async () => {
    const renew = vi.fn<() => Promise<Session | null>>().mockRejectedValueOnce(new Error("away"));
    renew.mockResolvedValue(person("renewed"));
    const { getToken } = source(person(FRESH), renew);
    await expect(getToken("refused")).rejects.toThrow("away");
    expect(await getToken("refused")).toBe("renewed");
  });

  it("has no newer token of the user's own site", async () => {
    const { getToken, renew } = source(person(WORN, "token"));
    expect(await getToken("expiring")).toBe(WORN);
    expect(renew).not.toHaveBeenCalled();
  });

  it("fails when nobody is signed in", async () => {
    await expect(source(null).getToken("connect")).rejects.toThrow("nobody");
  });
});
