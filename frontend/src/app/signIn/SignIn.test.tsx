import { cleanup, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { I18nProvider } from "../../i18n";
import { SignIn } from "./SignIn";

const PEOPLE = [
  { id: 1, name: "María García" },
  { id: 2, name: "Juan Pérez" },
];
const TOKEN = `h.${btoa(JSON.stringify({ exp: 4_000_000_000, user_id: 7 })).replaceAll("=", "")}.s`;

type Answer = () => Response | Promise<Response>;
let people: Answer;
let session: Answer;

function show(ended: Parameters<typeof SignIn>[0]["ended"] = null) {
  const onSignIn = vi.fn();
  render(
    <I18nProvider locale="en">
      <SignIn ended={ended} onSignIn={onSignIn} />
    </I18nProvider>,
  );
  return onSignIn;
}

beforeEach(() => {
  people = () => Response.json(PEOPLE);
  session = () => Response.json({ token: "t", user_id: 2, name: "Juan Pérez" });
  vi.stubGlobal("fetch", async (path: string) => (path === "/demo/people" ? people() : session()));
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

describe("with the demo's people", () => {
  it("signs in who was picked", async () => {
    const onSignIn = show();
    await userEvent.click(await screen.findByRole("button", { name: "Juan Pérez" }));
    const juan = { kind: "demo", token: "t", userId: 2, name: "Juan Pérez" };
    await waitFor(() => expect(onSignIn).toHaveBeenCalledWith(juan, false));
  });

  it("remembers if asked to", async () => {
    const onSignIn = show();
    await userEvent.click(await screen.findByRole("checkbox", { name: "Remember me on this device" }));
    await userEvent.click(screen.getByRole("button", { name: "Juan Pérez" }));
    await waitFor(() => expect(onSignIn).toHaveBeenCalledWith(expect.anything(), true));
  });

  it("says when the server does not answer, and lets one try again", async () => {
    session = () => Promise.reject(new TypeError("offline"));
    const onSignIn = show();
    await userEvent.click(await screen.findByRole("button", { name: "Juan Pérez" }));
    expect(await screen.findByText("The server cannot be reached.")).toBeVisible();
    expect(onSignIn).not.toHaveBeenCalled();
    expect(screen.getByRole("button", { name: "Juan Pérez" })).toBeEnabled();
  });

  it("tries again to list them", async () => {
    people = () => Promise.reject(new TypeError("offline"));
    show();
    expect(await screen.findByRole("alert")).toHaveTextContent("The server cannot be reached.");
    people = () => Response.json(PEOPLE);
    await userEvent.click(screen.getByRole("button"));
    expect(await screen.findByRole("button", { name: "María García" })).toBeVisible();
  });
});

describe("without a demo", () => {
  beforeEach(() => {
    people = () => new Response(null, { status: 404 });
  });

  it("takes a token", async () => {
    const onSignIn = show();
    await userEvent.type(await screen.findByLabelText("Access token"), TOKEN);
    await userEvent.click(screen.getByRole("button", { name: "Sign in" }));
    expect(onSignIn).toHaveBeenCalledWith({ kind: "token", token: TOKEN, userId: 7, name: null }, false);
  });

  it("says what is no token, until something else is written", async () => {
    const onSignIn = show();
    const field = await screen.findByLabelText("Access token");
    await userEvent.type(field, "hello{Enter}");
    expect(screen.getByRole("alert")).toHaveTextContent("does not look like an access token");
    expect(field).toBeInvalid();
    await userEvent.type(field, "x");
    expect(screen.queryByRole("alert")).toBeNull();
    expect(onSignIn).not.toHaveBeenCalled();
  });
});

describe("after a session ended", () => {
  it.each([
    ["token_expired", "Your session has expired. Sign in again."],
    ["revoked", "Your session was ended elsewhere. Sign in again."],
    ["unauthenticated", "In the server's words."],
  ])("says why: %s", async (code, text) => {
    show({ code, message: "In the server's words." });
    expect(screen.getByRole("alert")).toHaveTextContent(text);
    expect(await screen.findByRole("button", { name: "Juan Pérez" })).toBeVisible();
  });
});

it("is in the language that is chosen there", async () => {
  show();
  await userEvent.click(await screen.findByRole("radio", { name: "Español" }));
  expect(JSON.parse(localStorage.getItem("verihome-preferences") ?? "{}")).toMatchObject({ locale: "es" });
});
