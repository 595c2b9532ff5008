import { Tabs } from "radix-ui";
import { useState } from "react";
import { useI18n } from "../../i18n";
import { FILTERS, isFilter, type NotificationFilter } from "./filter";
import { NotificationList, type NotificationListProps } from "./NotificationList";
import styles from "./NotificationPanel.module.css";
import { UndoBar } from "./UndoBar";
import { useClearWithUndo } from "./useClearWithUndo";

/** The notifications, and what is done with them. */
export interface NotificationPanelProps extends Omit<NotificationListProps, "filter" | "onClear"> {
  /** Settles when the server has answered. */
  readonly onClear: (notificationId: string) => Promise<void>;
}

/** The inside of the notification centre: filters as tabs, the list, and how to have back what was cleared. */
export function NotificationPanel({ state, onClear, ...list }: NotificationPanelProps) {
  const [filter, setFilter] = useState<NotificationFilter>("all");
  const clearing = useClearWithUndo(onClear);
  const notifications = state.notifications.filter((notification) => !clearing.hidden.has(notification.id));
  return (
    <Tabs.Root
      className={styles.tabs}
      value={filter}
      onValueChange={(value) => {
        if (isFilter(value)) setFilter(value);
      }}
    >
      <Filters unread={state.unreadCount} />
      {FILTERS.map((value) => (
        <Tabs.Content key={value} value={value} className={styles.content} aria-busy={state.status === "loading"}>
          <NotificationList {...list} state={{ ...state, notifications }} filter={value} onClear={clearing.clear} />
        </Tabs.Content>
      ))}
      <UndoBar shown={clearing.undoable !== null} onUndo={clearing.undo} onHold={clearing.hold} />
    </Tabs.Root>
  );
}

function Filters({ unread }: { readonly unread: number }) {
  const { centre, formats } = useI18n();
  const texts = centre.notifications;
  return (
    <Tabs.List className={styles.filters} aria-label={texts.filterLabel}>
      {FILTERS.map((filter) => (
        <Tabs.Trigger key={filter} value={filter} className={styles.filter}>
          {texts.filters[filter]}
          {filter === "unread" && unread > 0 ? (
            <>
              {" "}
              <span className={styles.count}>{formats.number(unread)}</span>
            </>
          ) : null}
        </Tabs.Trigger>
      ))}
    </Tabs.List>
  );
}
