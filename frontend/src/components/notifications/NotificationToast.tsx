import { X } from "lucide-react";
import { type KeyboardEvent, type MouseEvent, useEffect, useState } from "react";
import { useI18n } from "../../i18n";
import type { Notification } from "../../types/generated/contract";
import { IconButton, safeLink } from "../common";
import { takesOver } from "./followLink";
import styles from "./NotificationToast.module.css";
import { PriorityIcon, PriorityWord } from "./PriorityMark";
import { useCountdown } from "./useCountdown";

const SHOWN_MS = 6_000;

/** One arrival. */
export interface NotificationToastProps {
  readonly notification: Notification;
  /** Time stands still: the person is at the toasts, or elsewhere than at this window. */
  readonly isHeld: boolean;
  /** Once, when it is there to be announced. */
  readonly onShown: (notification: Notification) => void;
  /** Follows `action_url`, which is safe to follow. */
  readonly onOpen: (notification: Notification, actionUrl: string) => void;
  readonly onDismiss: (notificationId: string) => void;
}

/** A toast: six seconds, without those that it is held; urgent ones are alerts and stay until dismissed. */
export function NotificationToast({ notification, isHeld, onShown, onOpen, onDismiss }: NotificationToastProps) {
  const { notifications: texts } = useI18n().centre;
  const { id, priority, title, message } = notification;
  const isUrgent = priority === "urgent";
  const [cameOverDialog] = useState(() => document.querySelector("[data-vh-backdrop]") !== null);
  useCountdown(SHOWN_MS, isHeld || isUrgent, () => onDismiss(id));
  useEffect(() => onShown(notification), [notification, onShown]);
  return (
    <li
      className={styles.toast}
      data-vh-toast=""
      data-over={cameOverDialog || undefined}
      data-priority={priority}
      onKeyDown={(event: KeyboardEvent) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        onDismiss(id);
      }}
    >
      <PriorityIcon priority={priority} />
      <div className={styles.words} role={isUrgent ? "alert" : undefined}>
        <PriorityWord priority={priority} />
        <div className={styles.title}>
          <ToastLink notification={notification} onOpen={onOpen} />
        </div>
        <div className={styles.message}>{message}</div>
      </div>
      <IconButton
        className={styles.close}
        label={texts.actionOn(texts.dismiss, title)}
        icon={<X />}
        onClick={() => onDismiss(id)}
      />
    </li>
  );
}

function ToastLink({ notification, onOpen }: Pick<NotificationToastProps, "notification" | "onOpen">) {
  const url = safeLink(notification.action_url);
  if (!url) return notification.title;
  return (
    <a
      className={styles.link}
      href={url}
      draggable={false}
      onClick={(event: MouseEvent) => {
        if (takesOver(event)) onOpen(notification, url);
      }}
    >
      {notification.title}
    </a>
  );
}
