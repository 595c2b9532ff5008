import { lazy } from "react";

const chat = () => import("../../components/messages/RealTimeChatWindow");
const toasts = () => import("../../components/notifications/NotificationToasts");
const details = () => import("../../components/people/ThreadDetails");
const notifications = () => import("../../components/notifications/RealTimeNotificationCenter");
const newConversation = () => import("../../components/people/NewConversation");
const settings = () => import("../settings/SettingsPage");
const help = () => import("./HelpSheet");

/** Parts of the app that are not needed at first. */
export const LazyChatWindow = lazy(() => chat().then((module) => ({ default: module.RealTimeChatWindow })));
export const LazyNotificationToasts = lazy(() => toasts().then((module) => ({ default: module.NotificationToasts })));
export const LazyThreadDetails = lazy(() => details().then((module) => ({ default: module.ThreadDetails })));
export const LazyNotificationCenter = lazy(() =>
  notifications().then((module) => ({ default: module.RealTimeNotificationCenter })),
);
export const LazyNewConversation = lazy(() =>
  newConversation().then((module) => ({ default: module.NewConversation })),
);
export const LazySettingsPage = lazy(() => settings().then((module) => ({ default: module.SettingsPage })));
export const LazyHelpSheet = lazy(() => help().then((module) => ({ default: module.HelpSheet })));

const PARTS = [chat, notifications, details, newConversation, settings, help];
const SOON_MS = 3000;

/**
 * Fetches them once there is time, so that they open at once, and also without network: the service worker, which has
 * the page by then, keeps what comes by. Returns how to call it off.
 */
export function preload(): () => void {
  const timer = setTimeout(() => {
    for (const part of PARTS) part().catch(() => {});
  }, SOON_MS);
  return () => clearTimeout(timer);
}
