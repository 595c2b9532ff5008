import type { Notification } from "../../types/generated/contract";

const MOST = 3;

/** Adds an arrival to the toasts, which are at most three: the oldest that is not urgent makes room, else the oldest. */
export function withArrival(toasts: readonly Notification[], arrival: Notification): readonly Notification[] {
  const next = [...toasts.filter((toast) => toast.id !== arrival.id), arrival];
  if (next.length <= MOST) return next;
  const leaving = next.find((toast) => toast.priority !== "urgent" && toast !== arrival) ?? next[0];
  return next.filter((toast) => toast !== leaving);
}

/** Without those that were read in the meantime, here or on another device. */
export function stillUnread(toasts: readonly Notification[], known: readonly Notification[]): readonly Notification[] {
  const read = new Set(known.filter((notification) => notification.read_at !== null).map(({ id }) => id));
  return toasts.filter((toast) => !read.has(toast.id));
}
