import type { Formats } from "../../i18n/formats";
import type { Notification } from "../../types/generated/contract";

/** Which notifications a person wants to see. */
export type NotificationFilter = "all" | "unread" | "urgent";

/** The filters in the order of their tabs. */
export const FILTERS: readonly NotificationFilter[] = ["all", "unread", "urgent"];

/** Whether a tab's value is one of ours. */
export function isFilter(value: string): value is NotificationFilter {
  return FILTERS.some((filter) => filter === value);
}

/** Those that a filter lets through. */
export function filtered(notifications: readonly Notification[], filter: NotificationFilter): readonly Notification[] {
  if (filter === "unread") return notifications.filter((notification) => notification.read_at === null);
  if (filter === "urgent") return notifications.filter((notification) => notification.priority === "urgent");
  return notifications;
}

/** The notifications of one calendar day, in the order given. */
export interface NotificationDay {
  readonly day: string;
  readonly notifications: readonly Notification[];
}

/** Groups neighbours of the same day under its name. */
export function byDay(notifications: readonly Notification[], formats: Formats, now: Date): NotificationDay[] {
  const days: { day: string; notifications: Notification[] }[] = [];
  for (const notification of notifications) {
    const day = formats.day(notification.timestamp, now);
    const last = days.at(-1);
    if (last?.day === day) last.notifications.push(notification);
    else days.push({ day, notifications: [notification] });
  }
  return days;
}
