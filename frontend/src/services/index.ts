/** The typed client and everything around it. No React in here. */
export type { AlertsOptions, AlertText } from "./alerts";
export { startAlerts } from "./alerts";
export { createRealtimeClient } from "./client";
export { isLasting, toFailure } from "./failure";
export type { HttpAccess } from "./http";
export type { MessageService } from "./messageService";
export { createMessageService } from "./messageService";
export { deviceOutbox, memoryOutbox } from "./outboxStorage";
export type { Push, PushOptions, PushState } from "./push";
export { createPush } from "./push";
export type {
  ChatMessage,
  ConnectionState,
  ConnectionStatus,
  DeliveryState,
  Drafts,
  History,
  HistoryCursor,
  HistoryState,
  Notifications,
  NotificationsState,
  OutboxEntry,
  OutboxStorage,
  PersonSettings,
  PresenceState,
  PresenceStore,
  RealtimeClient,
  RealtimeClientOptions,
  RealtimeFailure,
  Settings,
  SettingsChange,
  Store,
  Threads,
  ThreadsState,
  TokenReason,
  TypingState,
  TypingUser,
  Visibility,
} from "./types";
