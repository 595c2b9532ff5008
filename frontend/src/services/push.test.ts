import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ME, someSettings } from "../testing/factories";
import { createFakeClient, type FakeClient } from "../testing/fakeClient";
import { memoryStorage } from "./drafts";
import { createPush, type Push } from "./push";
import type { PersonSettings } from "./types";

/** "key" in base64url. */
const KEY = "a2V5";
const OTHER_KEY = "b3RoZXI";

/** A browser's part in Web Push, as far as we use it. */
class FakeBrowser {
  permission: NotificationPermission = "default";
  answer: NotificationPermission = "granted";
  subscription: { endpoint: string; key: Uint8Array } | null = null;
  readonly registered: string[] = [];
  readonly listeners = new Set<(event: { data: unknown }) => void>();
  #count = 0;

  readonly registration = {
    pushManager: {
      getSubscription: async () => this.#asSubscription(),
      subscribe: async ({ applicationServerKey }: { applicationServerKey: Uint8Array }) => {
        this.#count += 1;
        this.subscription = { endpoint: `https://push.example/${this.#count}`, key: applicationServerKey };
        return this.#asSubscription();
      },
    },
  };

  install(): void {
    const serviceWorker = {
      register: async (url: string) => {
        this.registered.push(url);
        return this.registration;
      },
      ready: Promise.resolve(this.registration),
      getRegistration: async () => (this.registered.length > 0 ? this.registration : undefined),
      addEventListener: (_: string, listener: (event: { data: unknown }) => void) => this.listeners.add(listener),
      removeEventListener: (_: string, listener: (event: { data: unknown }) => void) => this.listeners.delete(listener),
    };
    vi.stubGlobal("navigator", { serviceWorker });
    vi.stubGlobal("PushManager", class {});
    const browser = this;
    vi.stubGlobal("Notification", {
      get permission() {
        return browser.permission;
      },
      requestPermission: async () => {
        this.permission = this.answer;
        return this.answer;
      },
    });
  }

  #asSubscription() {
    const held = this.subscription;
    if (held === null) return null;
    return {
      endpoint: held.endpoint,
      options: { applicationServerKey: held.key.buffer },
      toJSON: () => ({ endpoint: held.endpoint, keys: { p256dh: "p", auth: "a" } }),
      unsubscribe: async () => {
        this.subscription = null;
        return true;
      },
    };
  }
}

/** Settings with these devices. */
const listing = (...ids: string[]) =>
  someSettings({ push: { public_key: KEY, devices: ids.map((id) => ({ id, name: null, created_at: "" })) } });

let browser: FakeBrowser;
let client: FakeClient;
let push: Push;
const storage = { current: memoryStorage() };

function create(settings: PersonSettings | null = someSettings({ push: { public_key: KEY, devices: [] } })) {
  client = createFakeClient({ settings });
  client.answer("subscribe_push", () => ({ id: "d1", name: null, created_at: "2026-11-24T12:00:00.000Z" }));
  client.answer("unsubscribe_push", () => ({}));
  push = createPush(client, { deviceName: "Firefox", storage: storage.current });
  return push;
}

beforeEach(() => {
  storage.current = memoryStorage();
  browser = new FakeBrowser();
  browser.install();
  create();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const asked = () => client.asked.map(({ name }) => name);

describe("turning it on", () => {
  it("asks the person, subscribes with the server's key, and tells the server", async () => {
    expect(push.getSnapshot()).toBe("off");
    expect(await push.enable()).toBe("on");
    expect(push.getSnapshot()).toBe("on");
    expect(browser.registered).toEqual(["/sw.js"]);
    expect(Array.from(browser.subscription?.key ?? [])).toEqual([107, 101, 121]);
    const request = { endpoint: "https://push.example/1", keys: { p256dh: "p", auth: "a" }, device_name: "Firefox" };
    expect(client.asked).toEqual([{ name: "subscribe_push", request }]);
  });

  it("respects a no", async () => {
    browser.answer = "denied";
    expect(await push.enable()).toBe("denied");
    browser.answer = "default";
    expect(await push.enable()).toBe("off");
    expect(client.asked).toEqual([]);
    expect(browser.subscription).toBeNull();
  });

  it("replaces a subscription with another key, and keeps one with this", async () => {
    await push.enable();
    await push.enable();
    expect(browser.subscription?.endpoint).toBe("https://push.example/1");
    client.settings.set(someSettings({ push: { public_key: OTHER_KEY, devices: [] } }));
    await push.enable();
    expect(browser.subscription?.endpoint).toBe("https://push.example/2");
  });

  it("fails where the server refuses, and stays off", async () => {
    client.answer("subscribe_push", () => Promise.reject(new Error("no")));
    await expect(push.enable()).rejects.toThrow("no");
    expect(push.getSnapshot()).toBe("off");
  });
});

it("is turned off here and at the server", async () => {
  await push.enable();
  expect(await push.disable()).toBe("off");
  expect(browser.subscription).toBeNull();
  expect(client.asked.at(-1)).toEqual({ name: "unsubscribe_push", request: { endpoint: "https://push.example/1" } });
});

describe("while it is on", () => {
  it("goes off when this device is removed from the list, but not before it was on it", async () => {
    push.start();
    await push.enable();
    client.settings.set(listing("another"));
    expect(push.getSnapshot()).toBe("on");
    client.settings.set(listing("another", "d1"));
    client.settings.set(listing("another"));
    await vi.waitFor(() => expect(push.getSnapshot()).toBe("off"));
    expect(browser.subscription).toBeNull();
  });

  it("tells the server of the subscription with which the browser replaced its own", async () => {
    const stop = push.start();
    await push.enable();
    client.settings.set(listing("d1"));
    for (const listener of browser.listeners) listener({ data: { type: "push-subscription-changed" } });
    await vi.waitFor(() => expect(asked()).toEqual(["subscribe_push", "subscribe_push"]));
    stop();
    expect(browser.listeners.size).toBe(0);
  });
});

describe("at the start", () => {
  it("is on for the person who turned it on, and reminds the server", async () => {
    await push.enable();
    create(listing("d1")).start();
    await vi.waitFor(() => expect(push.getSnapshot()).toBe("on"));
    expect(asked()).toEqual(["subscribe_push"]);
  });

  it("is off if this device was removed meanwhile, and does not come back by itself", async () => {
    await push.enable();
    create(listing("another")).start();
    await vi.waitFor(() => expect(browser.subscription).toBeNull());
    expect(push.getSnapshot()).toBe("off");
    expect(asked()).toEqual([]);
  });

  it("is off for another person on the same browser", async () => {
    await push.enable();
    create();
    client.me.set(ME + 1);
    push.start();
    // Everything that a start does is done after this turn of the event loop.
    await new Promise((resolve) => setTimeout(resolve));
    expect(push.getSnapshot()).toBe("off");
    expect(asked()).toEqual([]);
  });

  it("waits for the settings, and is not to be had where the server has no key", async () => {
    create(null);
    push.start();
    client.settings.set(someSettings());
    await vi.waitFor(() => expect(push.getSnapshot()).toBe("unavailable"));
    expect(await push.enable()).toBe("unavailable");
    expect(asked()).toEqual([]);
  });

  it("shows that it was denied in the browser", async () => {
    browser.permission = "denied";
    push.start();
    await vi.waitFor(() => expect(push.getSnapshot()).toBe("denied"));
  });

  it("is not supported everywhere", async () => {
    vi.stubGlobal("navigator", {});
    expect(create().getSnapshot()).toBe("unsupported");
    expect(await push.enable()).toBe("unsupported");
  });
});
