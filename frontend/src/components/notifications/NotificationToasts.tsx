import { Toast } from "radix-ui";
import { useEffect, useState } from "react";
import { useRealTimeNotifications, useRealtimeClient } from "../../hooks";
import { useI18n } from "../../i18n";
import type { Notification } from "../../types/generated/contract";
import { NotificationToast, type NotificationToastProps } from "./NotificationToast";
import styles from "./NotificationToasts.module.css";
import { stillUnread, withArrival } from "./toastQueue";

/** What following a toast does. */
export interface NotificationToastsProps {
  /** Gets a path of this origin or an http(s) address, nothing else. */
  readonly onNavigate: (actionUrl: string) => void;
}

/** A toast for each notification that arrives, at most three at once; F8 moves focus to them. */
export function NotificationToasts({ onNavigate }: NotificationToastsProps) {
  const client = useRealtimeClient();
  const { notifications, markAsRead } = useRealTimeNotifications();
  const [toasts, setToasts] = useState<readonly Notification[]>([]);
  useEffect(
    () => client.notifications.onArrival((arrival) => setToasts((shown) => withArrival(shown, arrival))),
    [client],
  );
  const dismiss = (id: string) => setToasts((shown) => shown.filter((toast) => toast.id !== id));
  function follow(notification: Notification, actionUrl: string) {
    dismiss(notification.id);
    // That it stays unread says enough, should this fail.
    void markAsRead(notification.id).catch(() => undefined);
    onNavigate(actionUrl);
  }
  return <ToastsView toasts={stillUnread(toasts, notifications)} onOpen={follow} onDismiss={dismiss} />;
}

/** The toasts to show, the newest last. */
export interface ToastsViewProps extends Pick<NotificationToastProps, "onOpen" | "onDismiss"> {
  readonly toasts: readonly Notification[];
}

/** The corner where toasts appear, without a client. */
export function ToastsView({ toasts, onOpen, onDismiss }: ToastsViewProps) {
  const texts = useI18n().centre.notifications;
  return (
    <Toast.Provider label={texts.toast} swipeDirection="right">
      {toasts.map((notification) => (
        <NotificationToast key={notification.id} notification={notification} onOpen={onOpen} onDismiss={onDismiss} />
      ))}
      {/* Whatever is marked as live, even as "off", stays with screen readers while a dialog hides all else. */}
      <Toast.Viewport className={styles.viewport} label={texts.toastsRegion("{hotkey}")} aria-live="off" />
    </Toast.Provider>
  );
}
