/** Notifications: the drawer, its bell, and toasts. */
export { NotificationBell, type NotificationBellProps } from "./NotificationBell";
export { NotificationToasts, type NotificationToastsProps } from "./NotificationToasts";
export { RealTimeNotificationCenter, type RealTimeNotificationCenterProps } from "./RealTimeNotificationCenter";
