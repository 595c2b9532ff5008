import { act, cleanup, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RealtimeProvider } from "../../hooks/RealtimeProvider";
import { I18nProvider } from "../../i18n";
import { someSettings } from "../../testing/factories";
import { createFakeClient } from "../../testing/fakeClient";
import { preferences } from "../device/preferences";
import type { Session } from "../session/session";
import { SettingsPage } from "./SettingsPage";

const SESSION: Session = { kind: "demo", token: "t", userId: 1, name: "María García" };
const DEVICE = { id: "d1", name: "Firefox on Linux", created_at: "2026-03-03T10:00:00.000Z" };
const WITH_PUSH = someSettings({ push: { public_key: "BKey", devices: [DEVICE] } });

function show(settings: ReturnType<typeof someSettings> | null = WITH_PUSH) {
  const client = createFakeClient({ settings });
  const onSignOut = vi.fn();
  render(
    <I18nProvider locale="en">
      <RealtimeProvider client={client}>
        <SettingsPage session={SESSION} onShowHelp={vi.fn()} onSignOut={onSignOut} />
      </RealtimeProvider>
    </I18nProvider>,
  );
  return { client, onSignOut };
}

afterEach(cleanup);
beforeEach(() => preferences.change({ theme: "system", locale: null, singleKeys: true }));

describe("settings", () => {
  it("keep a change at once and say so", async () => {
    const { client } = show();
    await userEvent.click(screen.getByRole("switch", { name: "Sound" }));
    expect(client.settings.update).toHaveBeenCalledWith({ sound: false });
    expect(await screen.findByText("Saved")).toBeVisible();
  });

  it("say why a change was refused", async () => {
    const { client } = show();
    client.settings.update.mockRejectedValue(new Error("Try again later."));
    await userEvent.click(screen.getByRole("radio", { name: "Urgent" }));
    expect(client.settings.update).toHaveBeenCalledWith({ push_notifications: "urgent" });
    await waitFor(() => expect(screen.getByRole("alert")).toHaveTextContent("Try again later."));
    expect(screen.queryByText("Saved")).toBeNull();
  });

  it("keep the language on the server and on the device", async () => {
    const { client } = show();
    await userEvent.click(screen.getByRole("radio", { name: "Español" }));
    expect(client.settings.update).toHaveBeenCalledWith({ locale: "es" });
    expect(preferences.getSnapshot().locale).toBe("es");
  });

  it("keep a language that is chosen before the server's are known", async () => {
    const { client } = show(null);
    await userEvent.click(screen.getByRole("radio", { name: "Español" }));
    expect(client.settings.update).toHaveBeenCalledWith({ locale: "es" });
  });

  it("keep theme and shortcuts on the device only", async () => {
    const { client } = show();
    await userEvent.click(screen.getByRole("radio", { name: "Dark" }));
    await userEvent.click(screen.getByRole("switch", { name: "Single-key shortcuts" }));
    expect(preferences.getSnapshot()).toMatchObject({ theme: "dark", singleKeys: false });
    expect(client.settings.update).not.toHaveBeenCalled();
  });

  it("remove a device", async () => {
    const { client } = show();
    client.answer("unsubscribe_push", () => ({}));
    await userEvent.click(screen.getByRole("button", { name: "Remove Firefox on Linux" }));
    expect(client.asked).toContainEqual({ name: "unsubscribe_push", request: { device_id: "d1" } });
    expect(await screen.findByText("Saved")).toBeVisible();
  });

  it("offer nothing about pushes where the server sends none", () => {
    show(someSettings());
    expect(screen.queryByRole("switch", { name: "Alert me to new messages" })).toBeNull();
    expect(screen.getByRole("switch", { name: /on this device/ })).toBeDisabled();
  });

  it("wait for the server, and follow it", () => {
    const { client } = show(null);
    expect(screen.getByText("Your settings appear once there is a connection.")).toBeVisible();
    act(() => client.settings.set(WITH_PUSH));
    expect(screen.getByRole("switch", { name: "Sound" })).toBeChecked();
  });

  it("say who is signed in, and sign out", async () => {
    const { onSignOut } = show();
    expect(screen.getByText("Signed in as María García")).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: "Sign out" }));
    expect(onSignOut).toHaveBeenCalled();
  });
});
