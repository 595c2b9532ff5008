import { X } from "lucide-react";
import { Toast } from "radix-ui";
import { useI18n } from "../../i18n";
import type { Notification } from "../../types/generated/contract";
import { IconButton, safeLink } from "../common";
import { takesOver } from "./followLink";
import styles from "./NotificationToast.module.css";
import { PriorityIcon, PriorityWord } from "./PriorityMark";

const SHOWN_MS = 6_000;

/** One arrival. */
export interface NotificationToastProps {
  readonly notification: Notification;
  /** Follows `action_url`, which is safe to follow. */
  readonly onOpen: (notification: Notification, actionUrl: string) => void;
  readonly onDismiss: (notificationId: string) => void;
}

/** A toast: six seconds, without those that the pointer or the focus is on it; urgent ones stay until dismissed. */
export function NotificationToast({ notification, onOpen, onDismiss }: NotificationToastProps) {
  const { centre } = useI18n();
  const { id, priority, title, message } = notification;
  const urgent = priority === "urgent";
  return (
    <Toast.Root
      className={styles.toast}
      data-priority={priority}
      type={urgent ? "foreground" : "background"}
      duration={urgent ? Number.POSITIVE_INFINITY : SHOWN_MS}
      onOpenChange={(open) => {
        if (!open) onDismiss(id);
      }}
    >
      <PriorityIcon priority={priority} />
      {/* An urgent one announces itself; Radix, which announces the others as a status, need not repeat it. */}
      <div className={styles.words} {...(urgent ? { role: "alert", "data-radix-toast-announce-exclude": "" } : {})}>
        <PriorityWord priority={priority} />
        <Toast.Title className={styles.title}>
          <ToastLink notification={notification} onOpen={onOpen} />
        </Toast.Title>
        <Toast.Description className={styles.message}>{message}</Toast.Description>
      </div>
      <Toast.Close asChild>
        <IconButton
          className={styles.close}
          label={centre.notifications.actionOn(centre.notifications.dismiss, title)}
          icon={<X />}
        />
      </Toast.Close>
    </Toast.Root>
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
      onClick={(event) => {
        if (takesOver(event)) onOpen(notification, url);
      }}
    >
      {notification.title}
    </a>
  );
}
