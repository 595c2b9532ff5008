import { Check, X } from "lucide-react";
import { useI18n } from "../../i18n";
import { daysBetween } from "../../i18n/formats";
import type { Notification } from "../../types/generated/contract";
import { IconButton, safeLink, VisuallyHidden } from "../common";
import { takesOver } from "./followLink";
import styles from "./NotificationItem.module.css";
import { PriorityIcon, PriorityWord } from "./PriorityMark";

/** What can be done with a notification of the list. */
export interface NotificationActions {
  /** Follows `action_url`, which is safe to follow. */
  readonly onOpen: (notification: Notification, actionUrl: string) => void;
  readonly onMarkRead: (notificationId: string) => void;
  readonly onClear: (notificationId: string) => void;
}

/** One notification: the whole card opens it, if there is somewhere to go. */
export interface NotificationItemProps extends NotificationActions {
  readonly notification: Notification;
  readonly now: Date;
}

/** An entry of the notification list. */
export function NotificationItem({ notification, now, onOpen, onMarkRead, onClear }: NotificationItemProps) {
  const { centre, formats } = useI18n();
  const texts = centre.notifications;
  const unread = notification.read_at === null;
  // The heading above tells the other days.
  const isToday = daysBetween(new Date(notification.timestamp), now) <= 0;
  const { id, title, message, priority, timestamp } = notification;
  return (
    <li className={styles.item} data-id={id} data-unread={unread || undefined} data-priority={priority} tabIndex={-1}>
      <PriorityIcon priority={priority} />
      <div className={styles.words}>
        <div className={styles.marks}>
          <PriorityWord priority={priority} />
          <span className={styles.when}>
            <time className={styles.time} dateTime={timestamp} title={formats.full(timestamp)}>
              {isToday ? formats.ago(timestamp, now) : formats.time(timestamp)}
            </time>
            {unread ? (
              <span className={styles.unread}>
                <VisuallyHidden>{texts.isUnread}</VisuallyHidden>
              </span>
            ) : null}
          </span>
        </div>
        <NotificationTitle notification={notification} onOpen={onOpen} />
        <p className={styles.message}>{message}</p>
      </div>
      <div className={styles.actions}>
        <IconButton label={texts.actionOn(texts.clear, title)} icon={<X />} onClick={() => onClear(id)} />
        {unread ? (
          <IconButton label={texts.actionOn(texts.markRead, title)} icon={<Check />} onClick={() => onMarkRead(id)} />
        ) : null}
      </div>
    </li>
  );
}

function NotificationTitle({ notification, onOpen }: Pick<NotificationItemProps, "notification" | "onOpen">) {
  const url = safeLink(notification.action_url);
  return (
    <h4 className={styles.title}>
      {url ? (
        <a
          className={styles.link}
          href={url}
          onClick={(event) => {
            if (takesOver(event)) onOpen(notification, url);
          }}
        >
          {notification.title}
        </a>
      ) : (
        notification.title
      )}
    </h4>
  );
}
