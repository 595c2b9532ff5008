import { type FocusEvent, type RefObject, useEffect, useRef, useState } from "react";
import { useRealTimeNotifications, useRealtimeClient } from "../../hooks";
import { useI18n } from "../../i18n";
import type { Notification } from "../../types/generated/contract";
import { VisuallyHidden } from "../common";
import { NotificationToast, type NotificationToastProps } from "./NotificationToast";
import styles from "./NotificationToasts.module.css";
import { stillUnread, withArrival } from "./toastQueue";
import { useAnnouncements } from "./useAnnouncements";
import { useHeld } from "./useHeld";
import { useWayBack } from "./useWayBack";

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

const HOTKEY = "F8";

/** The corner where toasts appear, without a client. A dialog that is open stays so when they are clicked. */
export function ToastsView({ toasts, onOpen, onDismiss }: ToastsViewProps) {
  const texts = useI18n().centre.notifications;
  const list = useRef<HTMLOListElement>(null);
  const { isHeld, holders } = useHeld(toasts.length);
  const { said, announce } = useAnnouncements();
  const { onFocus, leave } = useWayBack(list);
  useHotkey(list);
  function dismiss(id: string) {
    leave(toasts.length === 1);
    onDismiss(id);
  }
  function takeFocus(event: FocusEvent) {
    onFocus(event);
    holders.onFocus();
  }
  return (
    <section {...holders} onFocus={takeFocus} aria-label={texts.toastsRegion(HOTKEY)}>
      <VisuallyHidden>
        <span role="status" aria-live="polite" aria-atomic="false">
          {said.map((arrival) => (
            <span key={arrival.id}>{`${texts.toast}: ${wordsOf(arrival, texts.priority)}`}</span>
          ))}
        </span>
      </VisuallyHidden>
      {/* Whatever is marked as live, even as "off", stays with screen readers while a dialog hides all else. */}
      <ol ref={list} tabIndex={-1} className={styles.viewport} aria-live="off">
        {toasts.toReversed().map((notification) => (
          <NotificationToast
            key={notification.id}
            notification={notification}
            isHeld={isHeld}
            onShown={announce}
            onOpen={onOpen}
            onDismiss={dismiss}
          />
        ))}
      </ol>
    </section>
  );
}

function wordsOf({ priority, title, message }: Notification, words: { readonly high: string }): string {
  return [...(priority === "high" ? [words.high] : []), title, message].join(". ");
}

/** The key that brings the focus to the toasts, when there are any; Tab goes on from there, newest first. */
function useHotkey(list: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.code === HOTKEY && list.current?.firstChild) list.current.focus();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, [list]);
}
