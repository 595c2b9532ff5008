import { CheckCheck, Settings2 } from "lucide-react";
import { useCallback, useId, useState } from "react";
import type { PushState } from "../../hooks";
import { useI18n } from "../../i18n";
import type { Notification } from "../../types/generated/contract";
import { IconButton, Sheet } from "../common";
import styles from "./NotificationCenterView.module.css";
import type { NotificationsPage } from "./NotificationList";
import { NotificationPanel } from "./NotificationPanel";
import { NotificationSettings } from "./NotificationSettings";
import { useAttempts } from "./useAttempts";

/** Everything that the drawer shows and does, without a client. A promise that rejects is told to the person. */
export interface NotificationCenterViewProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
  readonly state: NotificationsPage;
  readonly onReload: () => void;
  readonly onLoadMore: () => void;
  /** Follows `action_url`, which is safe to follow. */
  readonly onOpen: (notification: Notification, actionUrl: string) => void;
  readonly onMarkRead: (notificationId: string) => Promise<unknown>;
  readonly onMarkAllRead: () => Promise<unknown>;
  readonly onClear: (notificationId: string) => Promise<unknown>;
  /** null until the settings are known. */
  readonly sound: boolean | null;
  readonly onSoundChange: (on: boolean) => Promise<unknown>;
  readonly pushState: PushState;
  readonly onPushChange: (on: boolean) => Promise<unknown>;
}

/** The drawer of notifications. */
export function NotificationCenterView(props: NotificationCenterViewProps) {
  const { open, onOpenChange, state, onMarkRead, onMarkAllRead, onClear, onSoundChange, onPushChange } = props;
  const texts = useI18n().centre.notifications;
  const [settingsOpen, setSettingsOpen] = useState(false);
  const settingsId = useId();
  const { failed, attempt } = useAttempts();
  const clear = useCallback((id: string) => attempt(onClear(id)), [attempt, onClear]);
  const actions = (
    <>
      <MarkAllRead unread={state.unreadCount} onMarkAllRead={() => void attempt(onMarkAllRead())} />
      <IconButton
        label={texts.settings}
        icon={<Settings2 />}
        aria-expanded={settingsOpen}
        aria-controls={settingsOpen ? settingsId : undefined}
        onClick={() => setSettingsOpen(!settingsOpen)}
      />
    </>
  );
  return (
    <Sheet open={open} onOpenChange={onOpenChange} title={texts.title} actions={actions}>
      {settingsOpen ? (
        <NotificationSettings
          id={settingsId}
          sound={props.sound}
          onSoundChange={(on) => void attempt(onSoundChange(on))}
          pushState={props.pushState}
          onPushChange={(on) => void attempt(onPushChange(on))}
        />
      ) : null}
      {failed ? (
        <p role="alert" className={styles.failed}>
          {texts.actionFailed}
        </p>
      ) : null}
      <NotificationPanel
        state={state}
        onReload={props.onReload}
        onLoadMore={props.onLoadMore}
        onOpen={props.onOpen}
        onMarkRead={(id) => void attempt(onMarkRead(id))}
        onClear={clear}
      />
    </Sheet>
  );
}

function MarkAllRead({ unread, onMarkAllRead }: { readonly unread: number; readonly onMarkAllRead: () => void }) {
  const texts = useI18n().centre.notifications;
  return (
    <IconButton
      label={texts.markAllRead}
      icon={<CheckCheck />}
      aria-disabled={unread === 0}
      onClick={() => {
        if (unread > 0) onMarkAllRead();
      }}
    />
  );
}
