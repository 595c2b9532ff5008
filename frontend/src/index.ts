/**
 * The library `@verihome/realtime`: a typed client, hooks and components. The client alone, without React, is
 * `@verihome/realtime/services`.
 */
import "./styles/theme.css";

export {
  Avatar,
  type AvatarProps,
  Badge,
  type BadgeProps,
  Button,
  type ButtonProps,
  EmptyState,
  type EmptyStateProps,
  ErrorState,
  type ErrorStateProps,
  IconButton,
  type IconButtonProps,
  Modal,
  PresenceDot,
  Sheet,
  type SheetProps,
  Skeleton,
  Spinner,
  Switch,
  type SwitchProps,
  Tooltip,
  type TooltipProps,
  VisuallyHidden,
} from "./components/common";
export * from "./components/messages";
export * from "./components/notifications";
export * from "./components/people";
export * from "./hooks";
export { chooseLocale, type I18n, I18nProvider, LOCALES, type Locale, useI18n } from "./i18n";
export * from "./services";
export type {
  Message,
  Notification,
  Participant,
  Presence,
  Subject,
  Thread,
  User,
  UserId,
} from "./types/generated/contract";
