import { useEffect } from "react";
import { type I18n, useI18n } from "../i18n";
import { type AlertText, startAlerts } from "../services/alerts";
import type { RealtimeClient } from "../services/types";
import type { Message, NotificationEvent } from "../types/generated/contract";
import { useRealtimeClient } from "./context";
import { isOpen } from "./openThreads";
import { useLatest } from "./useLatest";

/** How to alert the person. Functions may be new on each render. */
export interface UseAlertsOptions {
  /** The person clicked the alert of a message. */
  readonly onOpenThread: (threadId: string) => void;
  /** False: quiet, for instance until the person has been asked. */
  readonly enabled: boolean;
  /** The person clicked the alert of a notification. Without it the click only brings the page to the front. */
  readonly onOpenNotification?: (notification: NotificationEvent) => void;
  /** The address of a thread in your app. With it the service worker shows the alert, as phones require. */
  readonly urlOfThread?: (threadId: string) => string;
  readonly icon?: string;
}

const PRODUCT = "VeriHome";

/** Who wrote, and in a group where; what, if the person wants that shown. As the server's pushes say it. */
function describeMessage(client: RealtimeClient, texts: I18n, message: Message): AlertText {
  const thread = client.threads.get(message.thread_id);
  const title = thread?.kind === "group" || message.sender_name === null ? thread?.title : null;
  const names = [message.sender_name, title].filter((name) => name);
  const body = isPreviewed(client) ? message.content : texts.chat.history.arrivals(1);
  return { title: names.join(" · ") || PRODUCT, body };
}

function describeNotification(client: RealtimeClient, texts: I18n, notification: NotificationEvent): AlertText {
  if (isPreviewed(client)) return { title: notification.title, body: notification.message };
  return { title: PRODUCT, body: texts.centre.notifications.bell(1) };
}

function isPreviewed(client: RealtimeClient): boolean {
  return client.settings.getSnapshot()?.push_preview !== false;
}

/**
 * A sound for what arrives, and an alert of the browser's if the page is not in sight: once among all tabs, none for a
 * thread that is before the person's eyes, and as the settings say. Shows nothing unless the person allowed it before.
 */
export function useAlerts(options: UseAlertsOptions): void {
  const client = useRealtimeClient();
  const latest = useLatest({ ...options, texts: useI18n() });
  const { enabled, icon } = options;
  const hasUrls = options.urlOfThread !== undefined;
  useEffect(() => {
    if (!enabled) return;
    return startAlerts(client, {
      isOpen: (threadId) => isOpen(client, threadId),
      describeMessage: (message) => describeMessage(client, latest.current.texts, message),
      describeNotification: (notification) => describeNotification(client, latest.current.texts, notification),
      onOpenThread: (threadId) => latest.current.onOpenThread(threadId),
      onOpenNotification: (notification) => latest.current.onOpenNotification?.(notification),
      ...(hasUrls ? { urlOfThread: (threadId: string) => latest.current.urlOfThread?.(threadId) ?? "" } : {}),
      ...(icon === undefined ? {} : { icon }),
    });
  }, [client, enabled, hasUrls, icon, latest]);
}
