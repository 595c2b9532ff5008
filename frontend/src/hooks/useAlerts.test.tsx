import { act } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { aMessage, aNotification, aThread, someSettings } from "../testing/factories";
import { createFakeClient, type FakeClient } from "../testing/fakeClient";
import { noteOpen } from "./openThreads";
import { renderWith } from "./testHarness";
import { type UseAlertsOptions, useAlerts } from "./useAlerts";

const HIDDEN_WAITS_MS = 300;

/** The browser's Notification, which shows nothing. */
class FakeNotification {
  static permission: NotificationPermission = "granted";
  static shown: FakeNotification[] = [];
  onclick: (() => void) | null = null;
  readonly close = vi.fn();

  constructor(
    readonly title: string,
    readonly options: NotificationOptions,
  ) {
    FakeNotification.shown.push(this);
  }
}

let visibility: DocumentVisibilityState;
let beeps: number;

class FakeAudioContext {
  readonly state = "running";
  readonly currentTime = 0;
  readonly destination = {};
  createOscillator() {
    beeps += 1;
    return { frequency: {}, connect: () => ({ connect: () => {} }), start: () => {}, stop: () => {} };
  }
  createGain() {
    const gain = { setValueAtTime() {}, linearRampToValueAtTime() {}, exponentialRampToValueAtTime() {} };
    return { gain, connect: () => {} };
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  visibility = "hidden";
  beeps = 0;
  FakeNotification.permission = "granted";
  FakeNotification.shown = [];
  vi.spyOn(document, "visibilityState", "get").mockImplementation(() => visibility);
  vi.stubGlobal("Notification", FakeNotification);
  vi.stubGlobal("AudioContext", FakeAudioContext);
  vi.spyOn(window, "focus").mockImplementation(() => {});
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function render(client: FakeClient, options: Partial<UseAlertsOptions> = {}) {
  return renderWith(
    client,
    (changes: Partial<UseAlertsOptions>) =>
      useAlerts({ onOpenThread: () => {}, enabled: true, ...options, ...changes }),
    { initialProps: {} },
  );
}

async function pass() {
  await act(async () => vi.advanceTimersByTime(HIDDEN_WAITS_MS));
}

const shown = () => FakeNotification.shown.map(({ title, options }) => [title, options.body]);

it("alerts once, also in StrictMode, and opens the thread", async () => {
  const client = createFakeClient({ threads: { threads: [aThread()] } });
  const onOpenThread = vi.fn();
  render(client, { onOpenThread });
  client.arrive(aMessage({ content: "Hola" }));
  await pass();
  expect(shown()).toEqual([["Juan Pérez", "Hola"]]);
  expect(beeps).toBe(2);
  FakeNotification.shown[0]?.onclick?.();
  expect(onOpenThread).toHaveBeenCalledExactlyOnceWith("t1");
  expect(window.focus).toHaveBeenCalled();
});

it("says where in a group", async () => {
  const client = createFakeClient({ threads: { threads: [aThread({ kind: "group", title: "Portal 4" })] } });
  render(client);
  client.arrive(aMessage({ content: "Hola" }));
  await pass();
  expect(shown()).toEqual([["Juan Pérez · Portal 4", "Hola"]]);
});

it("does not say what, if the person does not want that shown", async () => {
  const client = createFakeClient({ settings: someSettings({ push_preview: false }) });
  render(client);
  client.arrive(aMessage());
  client.notify({ ...aNotification(), unread_count: 1 });
  await pass();
  expect(shown()).toEqual([
    ["Juan Pérez", "1 mensaje nuevo"],
    ["VeriHome", "Notificaciones, 1 sin leer"],
  ]);
});

it("tells of notifications, and opens them", async () => {
  const client = createFakeClient();
  const onOpenNotification = vi.fn();
  render(client, { onOpenNotification });
  const notification = { ...aNotification(), unread_count: 1 };
  client.notify(notification);
  await pass();
  expect(shown()).toEqual([["Rent paid", "The rent of November was paid."]]);
  FakeNotification.shown[0]?.onclick?.();
  expect(onOpenNotification).toHaveBeenCalledWith(notification);
});

it("only sounds while the page is in sight, and not for the thread that is open there", async () => {
  visibility = "visible";
  const client = createFakeClient();
  render(client);
  const close = noteOpen(client, "t1");
  client.arrive(aMessage());
  await pass();
  expect(beeps).toBe(0);
  close();
  client.arrive(aMessage({ seq: 2 }));
  await pass();
  expect(beeps).toBe(2);
  expect(shown()).toEqual([]);
});

it.each([
  ["the sound is off", { settings: someSettings({ sound: false }) }, {}, 0, 1],
  ["alerts are not allowed", {}, { permission: "denied" as const }, 2, 0],
])("obeys when %s", async (_, state, { permission }: { permission?: NotificationPermission }, sounds, alerts) => {
  if (permission) FakeNotification.permission = permission;
  const client = createFakeClient(state);
  render(client);
  client.arrive(aMessage());
  await pass();
  expect(beeps).toBe(sounds);
  expect(shown()).toHaveLength(alerts);
});

it("is quiet unless enabled, and after it is gone", async () => {
  const client = createFakeClient();
  const { rerender, unmount } = render(client, { enabled: false });
  client.arrive(aMessage());
  await pass();
  expect(shown()).toEqual([]);
  rerender({ enabled: true });
  client.arrive(aMessage({ seq: 2 }));
  await pass();
  expect(shown()).toHaveLength(1);
  unmount();
  client.arrive(aMessage({ seq: 3 }));
  await pass();
  expect(shown()).toHaveLength(1);
});

it("lets the service worker show it, with the app's address", async () => {
  const showNotification = vi.fn(async () => {});
  const registration = { active: {}, showNotification };
  vi.stubGlobal("navigator", { serviceWorker: { getRegistration: async () => registration } });
  const client = createFakeClient();
  render(client, { urlOfThread: (threadId) => `/t/${threadId}` });
  client.arrive(aMessage({ content: "Hola" }));
  await pass();
  expect(showNotification).toHaveBeenCalledWith("Juan Pérez", expect.objectContaining({ data: { url: "/t/t1" } }));
  expect(shown()).toEqual([]);
});
