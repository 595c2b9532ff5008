import { Bell } from "lucide-react";
import { useRealTimeNotifications } from "../../hooks";
import { useI18n } from "../../i18n";
import { IconButton } from "../common";

/** What a click does: open the notification centre. */
export interface NotificationBellProps {
  readonly onClick: () => void;
}

/** A bell with the count of unread notifications, which its name tells, too. */
export function NotificationBell({ onClick }: NotificationBellProps) {
  const { unreadCount } = useRealTimeNotifications();
  const label = useI18n().centre.notifications.bell(unreadCount);
  return <IconButton label={label} icon={<Bell />} badge={unreadCount} aria-haspopup="dialog" onClick={onClick} />;
}
