import type { Message, NotificationEvent } from "../types/generated/contract";
import { ignore } from "./failure";
import { unlessElsewhere } from "./locks";
import { createChime } from "./sound";
import type { RealtimeClient, Visibility } from "./types";
import { pageVisibility } from "./visibility";

/** Other tabs keep quiet about the same thing for so long. */
const HOLD_MS = 5_000;
/** A tab in sight goes first: if it shows the thing already, the hidden ones need not. */
const HIDDEN_WAITS_MS = 300;

/** What an alert says, in the person's language. */
export interface AlertText {
  readonly title: string;
  readonly body: string;
}

/** How alerts behave in an app. */
export interface AlertsOptions {
  /** Whether the thread is before the person's eyes, were this page in sight: then nothing need be said. */
  readonly isOpen: (threadId: string) => boolean;
  readonly describeMessage: (message: Message) => AlertText;
  readonly describeNotification: (notification: NotificationEvent) => AlertText;
  readonly onOpenThread: (threadId: string) => void;
  readonly onOpenNotification: (notification: NotificationEvent) => void;
  /** The address that a service worker opens for a click, relative to the page. */
  readonly urlOfThread?: (threadId: string) => string;
  readonly icon?: string;
  readonly visibility?: Visibility;
  readonly chime?: () => void;
}

interface Alert extends AlertText {
  /** The same as that of the push for the same thing, so that a browser shows both as one. */
  readonly tag: string;
  readonly url: string | null;
  /** The person is looking at it. */
  readonly isSeen: boolean;
  readonly open: () => void;
}

/**
 * Sound and the browser's own notifications for what arrives live, by one tab only. It shows nothing unless the person
 * allowed it before; asking is the app's matter (see `createPush`). Returns how to end it.
 */
export function startAlerts(client: RealtimeClient, options: AlertsOptions): () => void {
  const visibility = options.visibility ?? pageVisibility();
  const chime = options.chime ?? createChime();
  const timers = new Set<ReturnType<typeof setTimeout>>();

  const raise = (alert: Alert) => {
    const act = () => {
      if (alert.isSeen) return;
      if (client.settings.getSnapshot()?.sound !== false) chime();
      if (!visibility.isVisible()) void show(alert, options.icon);
    };
    const run = () => void unlessElsewhere(`vh:alert:${alert.tag}`, HOLD_MS, act).catch(ignore);
    if (visibility.isVisible()) {
      run();
      return;
    }
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, HIDDEN_WAITS_MS);
    timers.add(timer);
  };

  const ends = [
    client.onMessage((message) => raise(alertOfMessage(message, options, visibility))),
    client.notifications.onArrival((notification) => raise(alertOfNotification(notification, options))),
  ];
  return () => {
    for (const end of ends) end();
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
  };
}

function alertOfMessage(message: Message, options: AlertsOptions, visibility: Visibility): Alert {
  return {
    ...options.describeMessage(message),
    tag: `message:${message.id}`,
    url: options.urlOfThread?.(message.thread_id) ?? null,
    isSeen: visibility.isVisible() && options.isOpen(message.thread_id),
    open: () => options.onOpenThread(message.thread_id),
  };
}

function alertOfNotification(notification: NotificationEvent, options: AlertsOptions): Alert {
  return {
    ...options.describeNotification(notification),
    tag: `notification:${notification.id}`,
    url: notification.action_url,
    isSeen: false,
    open: () => options.onOpenNotification(notification),
  };
}

/** Shows one through the service worker if there is one (as a push would), else by the page itself. */
async function show({ title, body, tag, url, open }: Alert, icon: string | undefined): Promise<void> {
  if (typeof Notification === "undefined" || Notification.permission !== "granted") return;
  // Our chime is the sound; a worker's click handler reads `data.url`.
  const settings = { body, tag, silent: true, data: { url }, ...(icon === undefined ? {} : { icon }) };
  try {
    const registration = await workerRegistration();
    if (registration !== undefined && url !== null) {
      await registration.showNotification(title, settings);
      return;
    }
    const notification = new Notification(title, settings);
    notification.onclick = () => {
      window.focus();
      notification.close();
      open();
    };
  } catch {
    // Android's browsers know only the worker's notifications.
  }
}

async function workerRegistration(): Promise<ServiceWorkerRegistration | undefined> {
  if (!("serviceWorker" in navigator)) return undefined;
  const registration = await navigator.serviceWorker.getRegistration();
  return registration?.active ? registration : undefined;
}
