import { useCallback } from "react";
import { handled } from "../services/failure";
import type { NotificationsState } from "../services/types";
import { useRealtimeClient } from "./context";
import { queryKeys } from "./queryKeys";
import { useLiveList } from "./useLiveList";
import { type PushResult, usePush } from "./usePush";

/**
 * The notification centre; always the same functions. What they promise may reject with a RealtimeFailure, which one may
 * look at, but need not.
 */
export interface RealTimeNotifications extends NotificationsState, PushResult {
  readonly isLoadingMore: boolean;
  loadMore(): void;
  /** Loads the list again, after an error. */
  reload(): void;
  markAsRead(notificationId: string): Promise<void>;
  markAllAsRead(): Promise<void>;
  /** Removes it from the centre, on all devices. */
  clearNotification(notificationId: string): Promise<void>;
}

/** The person's notifications, live, and pushes to this device. */
export function useRealTimeNotifications(): RealTimeNotifications {
  const { notifications } = useRealtimeClient();
  const { state, ...list } = useLiveList(notifications, queryKeys.notifications());
  return {
    ...state,
    ...list,
    ...usePush(),
    markAsRead: useCallback((id) => handled(notifications.markRead(id)), [notifications]),
    markAllAsRead: useCallback(() => handled(notifications.markAllRead()), [notifications]),
    clearNotification: useCallback((id) => handled(notifications.clear(id)), [notifications]),
  };
}
