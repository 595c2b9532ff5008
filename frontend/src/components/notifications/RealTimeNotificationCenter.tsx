import { useRealTimeNotifications, useSettings } from "../../hooks";
import type { Notification } from "../../types/generated/contract";
import { NotificationCenterView } from "./NotificationCenterView";

/** Whether the drawer is open, and what following a notification does. */
export interface RealTimeNotificationCenterProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
  /** Gets a path of this origin or an http(s) address, nothing else. */
  readonly onNavigate: (actionUrl: string) => void;
}

/** The drawer of the person's notifications, live. Following one marks it as read and closes the drawer. */
export function RealTimeNotificationCenter({ open, onOpenChange, onNavigate }: RealTimeNotificationCenterProps) {
  const centre = useRealTimeNotifications();
  const { settings, update } = useSettings();
  function follow(notification: Notification, actionUrl: string) {
    // That it stays unread says enough, should this fail.
    if (notification.read_at === null) void centre.markAsRead(notification.id).catch(() => undefined);
    onOpenChange(false);
    onNavigate(actionUrl);
  }
  return (
    <NotificationCenterView
      open={open}
      onOpenChange={onOpenChange}
      state={centre}
      onReload={centre.reload}
      onLoadMore={centre.loadMore}
      onOpen={follow}
      onMarkRead={centre.markAsRead}
      onMarkAllRead={centre.markAllAsRead}
      onClear={centre.clearNotification}
      sound={settings?.sound ?? null}
      onSoundChange={(sound) => update({ sound })}
      pushState={centre.pushState}
      onPushChange={(on) => (on ? centre.enablePushNotifications() : centre.disablePushNotifications())}
    />
  );
}
