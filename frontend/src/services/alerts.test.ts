import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { aMessage, aNotification, someSettings } from "../testing/factories";
import { createFakeClient, type FakeClient } from "../testing/fakeClient";
import { createFakeVisibility, type FakeVisibility } from "../testing/fakeVisibility";
import { type AlertsOptions, startAlerts } from "./alerts";

interface Shown {
  title: string;
  options: NotificationOptions;
  onclick?: () => void;
}

/** The locks that all tabs of a test share. */
class FakeLocks {
  readonly #held = new Set<string>();

  readonly request = async (
    name: string,
    _options: unknown,
    act: (lock: object | null) => Promise<void> | undefined,
  ): Promise<void> => {
    if (this.#held.has(name)) {
      await act(null);
      return;
    }
    this.#held.add(name);
    await act({ name });
    this.#held.delete(name);
  };
}

let shown: Shown[];
let permission: NotificationPermission;
let client: FakeClient;
let visibility: FakeVisibility;
let ends: (() => void)[];
const chime = vi.fn();
const onOpenThread = vi.fn();
const onOpenNotification = vi.fn();

function stubBrowser(serviceWorker?: object) {
  vi.stubGlobal("navigator", { locks: new FakeLocks(), ...(serviceWorker ? { serviceWorker } : {}) });
  class FakeNotification {
    static get permission() {
      return permission;
    }
    onclick?: () => void;
    constructor(
      readonly title: string,
      readonly options: NotificationOptions,
    ) {
      shown.push(this);
    }
    close() {}
  }
  vi.stubGlobal("Notification", FakeNotification);
}

function openTab(options: Partial<AlertsOptions> = {}) {
  const end = startAlerts(client, {
    isOpen: () => false,
    describeMessage: (message) => ({ title: message.sender_name ?? "", body: message.content }),
    describeNotification: ({ title, message }) => ({ title, body: message }),
    onOpenThread,
    onOpenNotification,
    visibility,
    chime,
    ...options,
  });
  ends.push(end);
  return end;
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.clearAllMocks();
  shown = [];
  ends = [];
  permission = "granted";
  client = createFakeClient({ settings: someSettings() });
  visibility = createFakeVisibility(false);
  stubBrowser();
});
afterEach(() => {
  for (const end of ends) end();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a message", () => {
  it("sounds and is shown while the page is hidden, under the tag of its push", async () => {
    openTab();
    client.arrive(aMessage({ id: "m7", content: "Hola" }));
    await vi.advanceTimersByTimeAsync(300);
    expect(chime).toHaveBeenCalledOnce();
    expect(shown).toMatchObject([{ title: "Juan Pérez", options: { body: "Hola", tag: "message:m7", silent: true } }]);
  });

  it("opens its thread when it is clicked", async () => {
    vi.spyOn(window, "focus").mockImplementation(() => {});
    openTab();
    client.arrive(aMessage());
    await vi.advanceTimersByTimeAsync(300);
    shown[0]?.onclick?.();
    expect(onOpenThread).toHaveBeenCalledWith("t1");
  });

  it("only sounds while the page is in sight, and not if its thread is, too", async () => {
    visibility.show();
    openTab({ isOpen: (threadId) => threadId === "t2" });
    client.arrive(aMessage());
    await vi.advanceTimersByTimeAsync(300);
    expect(chime).toHaveBeenCalledOnce();
    client.arrive(aMessage({ id: "m2", thread_id: "t2" }));
    await vi.advanceTimersByTimeAsync(300);
    expect(chime).toHaveBeenCalledOnce();
    expect(shown).toEqual([]);
  });

  it("is silent if the person wants that, and not shown if they never allowed it", async () => {
    client.settings.set(someSettings({ sound: false }));
    openTab();
    client.arrive(aMessage());
    await vi.advanceTimersByTimeAsync(300);
    expect(chime).not.toHaveBeenCalled();
    expect(shown).toHaveLength(1);
    permission = "default";
    client.arrive(aMessage({ id: "m2" }));
    await vi.advanceTimersByTimeAsync(300);
    expect(shown).toHaveLength(1);
  });

  it("alerts in one tab only", async () => {
    openTab();
    openTab();
    client.arrive(aMessage());
    await vi.advanceTimersByTimeAsync(300);
    expect(chime).toHaveBeenCalledOnce();
    expect(shown).toHaveLength(1);
    // The lock is kept a while, then let go.
    await vi.advanceTimersByTimeAsync(5_000);
    client.arrive(aMessage());
    await vi.advanceTimersByTimeAsync(300);
    expect(chime).toHaveBeenCalledTimes(2);
  });

  it("does not alert in a hidden tab while another shows its thread", async () => {
    openTab();
    openTab({ visibility: createFakeVisibility(true), isOpen: () => true });
    client.arrive(aMessage());
    await vi.advanceTimersByTimeAsync(300);
    expect(chime).not.toHaveBeenCalled();
    expect(shown).toEqual([]);
  });
});

it("a notification alerts alike, and opens itself", async () => {
  vi.spyOn(window, "focus").mockImplementation(() => {});
  openTab();
  const notification = { ...aNotification({ id: "n5" }), unread_count: 1 };
  client.notify(notification);
  await vi.advanceTimersByTimeAsync(300);
  expect(shown).toMatchObject([{ title: "Rent paid", options: { tag: "notification:n5" } }]);
  shown[0]?.onclick?.();
  expect(onOpenNotification).toHaveBeenCalledWith(notification);
});

it("is shown by the service worker where there is one, as its push would be", async () => {
  const showNotification = vi.fn(async () => {});
  stubBrowser({ getRegistration: async () => ({ active: {}, showNotification }) });
  openTab({ urlOfThread: (threadId) => `/threads/${threadId}`, icon: "/icon.png" });
  client.arrive(aMessage({ id: "m7", content: "Hola" }));
  await vi.advanceTimersByTimeAsync(300);
  const options = { body: "Hola", tag: "message:m7", silent: true, data: { url: "/threads/t1" }, icon: "/icon.png" };
  expect(showNotification).toHaveBeenCalledWith("Juan Pérez", options);
  expect(shown).toEqual([]);
});

it("ends with what was still to come", async () => {
  const end = openTab();
  client.arrive(aMessage());
  end();
  client.arrive(aMessage({ id: "m2" }));
  await vi.advanceTimersByTimeAsync(300);
  expect(chime).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});
