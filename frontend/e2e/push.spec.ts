import type { CDPSession, Page } from "@playwright/test";
import { composer, row, untilOnline } from "./support/app";
import { expect, test } from "./support/fixtures";

const ENDPOINT = "https://push.example.com/send/e2e";

/**
 * A browser without network cannot reach its push service, so the subscription is made up. Like a real one it is there
 * after the page was loaded again.
 */
function stubPush({ endpoint }: { endpoint: string }): void {
  const keys = {
    p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    auth: "BTBZMqHH6r4Tts7J_aSIgg",
  };
  const subscription = {
    endpoint,
    options: {},
    toJSON: () => ({ endpoint, keys }),
    getKey: () => null,
    unsubscribe: async () => {
      localStorage.removeItem("e2e-subscribed");
      return true;
    },
  };
  Object.defineProperties(PushManager.prototype, {
    subscribe: {
      value: async () => {
        localStorage.setItem("e2e-subscribed", "1");
        return subscription;
      },
    },
    getSubscription: { value: async () => (localStorage.getItem("e2e-subscribed") ? subscription : null) },
  });
}

interface Registration {
  readonly registrationId: string;
  readonly scopeURL: string;
  readonly isDeleted: boolean;
}

/** Hands a push to the page's service worker, as the browser would. */
async function deliver(page: Page, payload: object): Promise<void> {
  const session: CDPSession = await page.context().newCDPSession(page);
  const registered = new Promise<string>((resolve) => {
    session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }: { registrations: Registration[] }) => {
      const found = registrations.find(({ isDeleted, scopeURL }) => !isDeleted && page.url().startsWith(scopeURL));
      if (found) resolve(found.registrationId);
    });
  });
  await session.send("ServiceWorker.enable");
  const origin = new URL(page.url()).origin;
  const data = JSON.stringify(payload);
  await session.send("ServiceWorker.deliverPushMessage", { origin, registrationId: await registered, data });
  await session.detach();
}

function aPush(threadId: string) {
  return {
    type: "message",
    id: "m1",
    thread_id: threadId,
    title: "Ben Ortega",
    body: "Are you there?",
    tag: "message:m1",
    url: `/t/${threadId}`,
    urgent: false,
    timestamp: new Date().toISOString(),
    locale: "en",
  };
}

/** The alerts that the worker shows now. */
function shown(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    return (await registration.getNotifications()).map(({ title, body }) => `${title}: ${body}`);
  });
}

/** Another page in front: nobody looks at the app. Playwright lets every page believe that it has the focus. */
async function lookAway(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send("Emulation.setFocusEmulationEnabled", { enabled: false });
  const front = await page.context().newPage();
  await front.goto(new URL("/docs", page.url()).href);
  await front.bringToFront();
  await expect.poll(() => lookedAt(page)).toBe(false);
}

/** Whether the worker believes that the person looks at the app. */
async function lookedAt(page: Page): Promise<boolean> {
  const worker = page.context().serviceWorkers()[0];
  if (!worker) throw new Error("no service worker");
  return worker.evaluate(async () => {
    const scope = globalThis as unknown as {
      clients: { matchAll(options: object): Promise<{ url: string; focused: boolean; visibilityState: string }[]> };
    };
    const windows = await scope.clients.matchAll({ type: "window", includeUncontrolled: true });
    const ours = windows.filter(({ url }) => !url.endsWith("/docs"));
    return ours.some(({ focused, visibilityState }) => focused && visibilityState === "visible");
  });
}

test("pushes are turned on for this device, chosen, and turned off", async ({ world }) => {
  const [ana] = await world.people("Ana Ruiz");
  const page = await world.open(ana);
  await page.context().grantPermissions(["notifications"]);
  await page.context().addInitScript(stubPush, { endpoint: ENDPOINT });
  await page.goto("/settings");
  const device = page.getByRole("switch", { name: "Receive alerts on this device" });
  await device.click();
  await expect(device).toBeChecked();
  await expect(page.getByText("Saved")).toBeVisible();
  // The list of devices is the server's.
  await expect(page.getByRole("button", { name: /^Remove .*Linux/ })).toBeVisible();
  await page.getByRole("radio", { name: "Urgent" }).click();
  await page.getByRole("switch", { name: "Show the text in alerts" }).click();

  await page.reload();
  await expect(device).toBeChecked();
  await expect(page.getByRole("radio", { name: "Urgent" })).toBeChecked();
  await expect(page.getByRole("switch", { name: "Show the text in alerts" })).not.toBeChecked();
  await page.getByRole("button", { name: /^Remove .*Linux/ }).click();
  await expect(page.getByText("None yet.")).toBeVisible();
  await expect(device).not.toBeChecked();
});

test("a push becomes an alert, and a click on it opens the conversation", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  const page = await world.open(ana);
  await page.context().grantPermissions(["notifications"]);
  await untilOnline(page);
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  // While the person looks at the app, it shows everything itself.
  await deliver(page, aPush(thread.id));
  await expect.poll(() => lookedAt(page)).toBe(true);
  expect(await shown(page)).toEqual([]);

  await lookAway(page);
  // Again if the browser took a moment to notice: the same push never makes two alerts.
  await expect(async () => {
    await deliver(page, aPush(thread.id));
    expect(await shown(page)).toEqual(["Ben Ortega: Are you there?"]);
  }).toPass();
  await deliver(page, aPush(thread.id));
  await expect.poll(() => shown(page)).toHaveLength(1);

  const worker = page.context().serviceWorkers()[0];
  if (!worker) throw new Error("no service worker");
  await worker.evaluate(async () => {
    const scope = globalThis as unknown as {
      registration: ServiceWorkerRegistration;
      dispatchEvent(event: Event): boolean;
      NotificationEvent: new (type: string, init: { notification: Notification }) => Event;
    };
    const [notification] = await scope.registration.getNotifications();
    if (notification) scope.dispatchEvent(new scope.NotificationEvent("notificationclick", { notification }));
  });
  await expect(page).toHaveURL(new RegExp(`/t/${thread.id}$`));
  await expect(composer(page)).toBeVisible();
  await expect.poll(() => shown(page)).toEqual([]);
});

test("of two tabs out of sight one alerts, once", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  const first = await world.guest();
  const context = first.context();
  await context.grantPermissions(["notifications"]);
  const alerts: string[] = [];
  await context.exposeFunction("alerted", (title: string) => alerts.push(title));
  await context.addInitScript(() => {
    Object.defineProperty(document, "visibilityState", { get: () => "hidden" });
    const { showNotification } = ServiceWorkerRegistration.prototype;
    ServiceWorkerRegistration.prototype.showNotification = function (title, options) {
      (globalThis as unknown as { alerted: (title: string) => void }).alerted(title);
      return showNotification.call(this, title, options);
    };
  });
  const tabs = [first, await context.newPage()];
  for (const tab of tabs) {
    await tab.goto(`/#token=${ana.token}`);
    await untilOnline(tab);
    await tab.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  }
  for (const text of ["Are you there?", "It is about the keys."]) {
    await world.say(thread, ben, text);
    for (const tab of tabs) await expect(row(tab, "Ben Ortega")).toContainText(text);
    await expect.poll(() => alerts.length).toBeGreaterThan(0);
    // Whoever alerts has the lock for as long as the other may still ask for it.
    await expect.poll(() => first.evaluate(async () => (await navigator.locks.query()).held?.length ?? 0)).toBe(0);
    expect(alerts.splice(0)).toEqual(["Ben Ortega"]);
  }
});
