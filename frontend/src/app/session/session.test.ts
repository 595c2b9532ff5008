import { beforeEach, describe, expect, it, vi } from "vitest";
import { readClaims } from "./claims";
import { takeTokenOfAddress, tokenOfFragment } from "./fragment";
import { createSessions, isSamePerson, SESSION_KEY, type Session, sessionOfToken } from "./session";

const HOUR_MS = 3_600_000;

function base64url(value: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function aToken(claims: Record<string, unknown> = {}): string {
  const exp = Math.floor((Date.now() + HOUR_MS) / 1000);
  return [{ alg: "HS256" }, { user_id: 1, name: "María García", exp, ...claims }]
    .map(base64url)
    .concat("sig")
    .join(".");
}

const MARIA: Session = { kind: "demo", token: "t1", userId: 1, name: "María García" };
const JUAN: Session = { kind: "demo", token: "t2", userId: 2, name: "Juan Pérez" };

beforeEach(() => {
  sessionStorage.clear();
  localStorage.clear();
});

const open = () => createSessions(sessionStorage, localStorage);

describe("sessions", () => {
  it("start with nobody", () => {
    expect(open().getSnapshot()).toEqual({ session: null, ended: null });
  });

  it("survive a reload of the tab", () => {
    open().signIn(MARIA, false);
    expect(open().getSnapshot().session).toEqual(MARIA);
  });

  it("are not taken up by another tab unless remembered", () => {
    open().signIn(MARIA, false);
    sessionStorage.clear();
    expect(open().getSnapshot().session).toBeNull();

    open().signIn(MARIA, true);
    sessionStorage.clear();
    expect(open().getSnapshot().session).toEqual(MARIA);
  });

  it("tell who follows", () => {
    const sessions = open();
    const listener = vi.fn();
    const stop = sessions.subscribe(listener);
    sessions.signIn(MARIA, false);
    stop();
    sessions.signOut();
    expect(listener).toHaveBeenCalledTimes(1);
  });

  it("keep a newer token wherever they are kept", () => {
    const sessions = open();
    sessions.signIn(MARIA, true);
    sessions.renew("newer");
    expect(open().getSnapshot().session?.token).toBe("newer");
    expect(localStorage.getItem(SESSION_KEY)).toContain("newer");
  });

  it("do not put a newer token where the session was not remembered", () => {
    const sessions = open();
    sessions.signIn(MARIA, false);
    sessions.renew("newer");
    expect(localStorage.getItem(SESSION_KEY)).toBeNull();
  });

  it("end everywhere at sign-out, with the reason", () => {
    const sessions = open();
    sessions.signIn(MARIA, true);
    sessions.signOut({ code: "revoked", message: "no" });
    expect(sessions.getSnapshot()).toEqual({ session: null, ended: { code: "revoked", message: "no" } });
    expect(localStorage.getItem(SESSION_KEY)).toBeNull();
    expect(open().getSnapshot().session).toBeNull();
  });

  it("leave the remembered session of someone else, and do not take it up after a sign-out", () => {
    open().signIn(MARIA, true);
    sessionStorage.clear();
    const tab = open();
    tab.signIn(JUAN, false);
    tab.signOut();
    expect(open().getSnapshot().session).toBeNull();
    sessionStorage.clear();
    expect(open().getSnapshot().session).toEqual(MARIA);
  });

  it.each(["{", "[]", '{"kind":"demo"}', '{"kind":"x","token":"t","userId":1,"name":null}'])(
    "ignore what is none: %s",
    (text) => {
      sessionStorage.setItem(SESSION_KEY, text);
      expect(open().getSnapshot().session).toBeNull();
    },
  );
});

describe("tokens", () => {
  it("tell who they are for", () => {
    expect(sessionOfToken(` ${aToken()}\n`)).toMatchObject({ kind: "token", userId: 1, name: "María García" });
  });

  it("with another claim for the user say nobody's name", () => {
    expect(readClaims(aToken({ user_id: undefined, name: "" }))).toMatchObject({ userId: null, name: null });
  });

  it.each(["", "a.b", "a.b.c", "a.b.c.d", `a.${base64url({ user_id: 1 })}.c`])(
    "that are none make no session: %s",
    (text) => {
      expect(sessionOfToken(text)).toBeNull();
    },
  );

  it("whose time is over make no session", () => {
    expect(sessionOfToken(aToken({ exp: 1 }))).toBeNull();
  });

  it("of the same person are known by the id, however written", () => {
    expect(isSamePerson(MARIA, { ...MARIA, userId: "1", token: "t9" })).toBe(true);
    expect(isSamePerson(MARIA, JUAN)).toBe(false);
    expect(isSamePerson(null, MARIA)).toBe(false);
  });
});

describe("the address", () => {
  it("gives its token and loses it", () => {
    history.replaceState({ kept: true }, "", "/t/t1?message=3#token=a.b.c");
    expect(takeTokenOfAddress(location, history)).toBe("a.b.c");
    expect(location.href).toMatch(/\/t\/t1\?message=3$/);
    expect(history.state).toEqual({ kept: true });
  });

  it.each(["", "#", "#main", "#token="])("without a token is left alone: %s", (fragment) => {
    expect(tokenOfFragment(fragment)).toBeNull();
  });
});
