import { useId, useState } from "react";
import { useI18n } from "../../i18n";
import { moveFocus } from "../common/roving";
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
  const id = useId();
  const [filter, setFilter] = useState<NotificationFilter>("all");
  const clearing = useClearWithUndo(onClear);
  const notifications = state.notifications.filter((notification) => !clearing.hidden.has(notification.id));
  return (
    <div className={styles.tabs}>
      <Filters id={id} filter={filter} onFilter={setFilter} unread={state.unreadCount} />
      <div
        key={filter}
        role="tabpanel"
        id={`${id}-list`}
        aria-labelledby={`${id}-${filter}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard must be able to
        tabIndex={0}
        className={styles.content}
        aria-busy={state.status === "loading"}
      >
        <NotificationList {...list} state={{ ...state, notifications }} filter={filter} onClear={clearing.clear} />
      </div>
      <UndoBar shown={clearing.undoable !== null} onUndo={clearing.undo} onHold={clearing.hold} />
    </div>
  );
}

interface FiltersProps {
  readonly id: string;
  readonly filter: NotificationFilter;
  readonly onFilter: (filter: NotificationFilter) => void;
  readonly unread: number;
}

function Filters({ id, filter, onFilter, unread }: FiltersProps) {
  const { centre, formats } = useI18n();
  const texts = centre.notifications;
  return (
    <div
      role="tablist"
      className={styles.filters}
      aria-label={texts.filterLabel}
      onKeyDown={(event) => {
        const chosen = moveFocus(event, "tab", "horizontal")?.dataset.filter;
        if (chosen && isFilter(chosen)) onFilter(chosen);
      }}
    >
      {FILTERS.map((value) => (
        <button
          key={value}
          type="button"
          role="tab"
          id={`${id}-${value}`}
          data-filter={value}
          aria-selected={value === filter}
          aria-controls={`${id}-list`}
          tabIndex={value === filter ? 0 : -1}
          className={styles.filter}
          onClick={() => onFilter(value)}
        >
          {texts.filters[value]}
          {value === "unread" && unread > 0 ? (
            <>
              {" "}
              <span className={styles.count}>{formats.number(unread)}</span>
            </>
          ) : null}
        </button>
      ))}
    </div>
  );
}
