import { Bell, BellRing, CheckCheck } from "lucide-react";
import { type ReactNode, useId, useRef } from "react";
import { useI18n } from "../../i18n";
import type { NotificationsState } from "../../services/types";
import { EmptyState, ErrorState, LoadMore, Skeleton, useNow, VisuallyHidden } from "../common";
import { byDay, filtered, type NotificationDay, type NotificationFilter } from "./filter";
import { type NotificationActions, NotificationItem } from "./NotificationItem";
import styles from "./NotificationList.module.css";
import { useKeptFocus } from "./useKeptFocus";

/** The list as its hook gives it; once it is ready, `error` is why the last page asked for did not come. */
export interface NotificationsPage extends NotificationsState {
  readonly isLoadingMore: boolean;
}

/** The loaded notifications, which of them to show, and what can be done. */
export interface NotificationListProps extends NotificationActions {
  readonly state: NotificationsPage;
  readonly filter: NotificationFilter;
  readonly onReload: () => void;
  readonly onLoadMore: () => void;
}

const ICONS: Readonly<Record<NotificationFilter, ReactNode>> = {
  all: <Bell />,
  unread: <CheckCheck />,
  urgent: <BellRing />,
};

/** The notifications of one filter by day, or why there are none. */
export function NotificationList({ state, filter, onReload, onLoadMore, ...actions }: NotificationListProps) {
  const texts = useI18n().centre.notifications;
  if (state.status === "loading") return <LoadingList label={texts.loading} />;
  if (state.status === "error")
    return <ErrorState title={texts.errorTitle} message={state.error?.message ?? ""} onRetry={onReload} />;
  const shown = filtered(state.notifications, filter);
  const more = state.hasMore ? (
    <LoadMore
      isLoading={state.isLoadingMore}
      failed={state.error !== null}
      onLoad={onLoadMore}
      label={texts.loadMore}
      loadingLabel={texts.loadingMore}
    />
  ) : null;
  if (shown.length === 0 && !more) return <EmptyState icon={ICONS[filter]} {...texts.empty[filter]} />;
  return (
    <>
      <Days notifications={shown} {...actions} />
      {more}
    </>
  );
}

function Days({ notifications, ...actions }: NotificationActions & Pick<NotificationsState, "notifications">) {
  const { formats } = useI18n();
  const now = useNow();
  const list = useRef<HTMLDivElement>(null);
  return (
    <div ref={list} {...useKeptFocus(list)}>
      {byDay(notifications, formats, now).map((day) => (
        <Day key={day.day} day={day} now={now} {...actions} />
      ))}
    </div>
  );
}

function Day({ day, now, ...actions }: NotificationActions & { readonly day: NotificationDay; readonly now: Date }) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <h3 id={id} className={styles.day}>
        {day.day}
      </h3>
      <ul className={styles.list}>
        {day.notifications.map((notification) => (
          <NotificationItem key={notification.id} notification={notification} now={now} {...actions} />
        ))}
      </ul>
    </section>
  );
}

function LoadingList({ label }: { readonly label: string }) {
  return (
    <div role="status" className={styles.loading}>
      <VisuallyHidden>{label}</VisuallyHidden>
      {["first", "second", "third", "fourth"].map((item) => (
        <div key={item} className={styles.placeholder}>
          <span className={styles.disc} />
          <Skeleton lines={3} />
        </div>
      ))}
    </div>
  );
}
