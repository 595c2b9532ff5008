import { MessagesSquare, SearchX, SquarePen } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useI18n } from "../../i18n";
import { Button, EmptyState, ErrorState, IconButton, Spinner, VisuallyHidden } from "../common";
import { ThreadFilter } from "./ThreadFilter";
import styles from "./ThreadList.module.css";
import { ThreadListSkeleton } from "./ThreadListSkeleton";
import { ThreadRows, type ThreadRowsProps } from "./ThreadRows";
import { matchesThread } from "./threadSummary";
import { useInView } from "./useInView";

/** The inbox: the loaded threads, how loading stands, and what one can do. */
export interface ThreadListProps extends Omit<ThreadRowsProps, "scroller"> {
  readonly status: "loading" | "ready" | "error";
  /** Why the first load, or the last page, failed. */
  readonly errorMessage: string | null;
  readonly hasMore: boolean;
  readonly isLoadingMore: boolean;
  readonly onLoadMore: () => void;
  readonly onReload: () => void;
  readonly onNewConversation?: (() => void) | undefined;
}

/** The list of conversations with its search field. */
export function ThreadList(props: ThreadListProps) {
  const { threads, onNewConversation } = props;
  const { chat } = useI18n();
  const [query, setQuery] = useState("");
  const scroller = useRef<HTMLDivElement>(null);
  const shown = useMemo(() => threads.filter((thread) => matchesThread(thread, query)), [threads, query]);
  const toList = () => scroller.current?.querySelector<HTMLElement>('[role="list"] button[tabindex="0"]')?.focus();
  return (
    <section className={styles.inbox} aria-label={chat.inbox.title}>
      <div className={styles.top}>
        <div className={styles.heading}>
          <h2 className={styles.title}>{chat.inbox.title}</h2>
          {onNewConversation && (
            <IconButton label={chat.inbox.newConversation} icon={<SquarePen />} onClick={() => onNewConversation()} />
          )}
        </div>
        <ThreadFilter query={query} onChange={setQuery} onLeave={toList} />
      </div>
      <div ref={scroller} className={styles.scroller} data-scroller="">
        <ThreadListBody {...props} threads={shown} query={query} scroller={scroller} />
        <MoreThreads {...props} />
      </div>
      <div role="status">
        <VisuallyHidden>
          {query.trim() && props.status === "ready" ? chat.inbox.matches(shown.length) : ""}
        </VisuallyHidden>
      </div>
    </section>
  );
}

function ThreadListBody(props: ThreadListProps & Pick<ThreadRowsProps, "scroller"> & { readonly query: string }) {
  const { status, errorMessage, threads, query, hasMore, onReload, onNewConversation } = props;
  const { chat } = useI18n();
  if (status === "loading") return <ThreadListSkeleton />;
  if (status === "error") {
    return <ErrorState title={chat.inbox.errorTitle} message={errorMessage ?? ""} onRetry={onReload} />;
  }
  if (threads.length > 0) return <ThreadRows {...props} />;
  if (hasMore) return null;
  if (query.trim()) {
    return <EmptyState icon={<SearchX />} title={chat.inbox.noMatches(query.trim())} hint={chat.inbox.noMatchesHint} />;
  }
  const action = onNewConversation ? (
    <Button variant="primary" onClick={() => onNewConversation()}>
      {chat.inbox.newConversation}
    </Button>
  ) : null;
  return (
    <EmptyState icon={<MessagesSquare />} title={chat.inbox.emptyTitle} hint={chat.inbox.emptyHint} action={action} />
  );
}

/** Loads the next page when the end of the list is near: also when a filter leaves little. */
function MoreThreads({ status, threads, hasMore, isLoadingMore, errorMessage, onLoadMore }: ThreadListProps) {
  const { chat } = useI18n();
  const [isNear, sentinel] = useInView("0px 0px 600px 0px");
  const count = threads.length;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each page that came may ask for the next; `isLoadingMore` must not, or a failure is retried for ever
  useEffect(() => {
    if (status === "ready" && isNear && hasMore && !isLoadingMore) onLoadMore();
  }, [isNear, hasMore, status, count, onLoadMore]);
  if (status !== "ready" || !hasMore) return null;
  return (
    <div ref={sentinel} className={styles.more}>
      {errorMessage && !isLoadingMore ? (
        <Button onClick={() => onLoadMore()}>
          {chat.message.retry}
          <VisuallyHidden>: {errorMessage}</VisuallyHidden>
        </Button>
      ) : (
        isLoadingMore && <Spinner label={chat.inbox.loadingMore} />
      )}
    </div>
  );
}
