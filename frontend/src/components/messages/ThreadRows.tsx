import { type KeyboardEvent, type RefObject, useCallback, useLayoutEffect, useRef, useState } from "react";
import { useI18n } from "../../i18n";
import type { Presence, Thread, UserId } from "../../types/generated/contract";
import { ThreadListItem, type ThreadListItemProps } from "./ThreadListItem";
import styles from "./ThreadRows.module.css";
import { counterpart } from "./threadSummary";
import { useThreadWindow } from "./useThreadWindow";

/** The threads to show, and what is known besides. */
export interface ThreadRowsProps {
  readonly threads: readonly Thread[];
  readonly me: UserId | null;
  readonly selectedThreadId?: string | undefined;
  readonly presences: ReadonlyMap<string, Presence>;
  /** Names of those who type, by thread id. */
  readonly typing: ReadonlyMap<string, readonly string[]>;
  readonly onSelect: (threadId: string) => void;
  readonly scroller: RefObject<HTMLElement | null>;
}

const NOBODY: readonly string[] = [];

/** Where a key leads, or null if it leads nowhere. */
export function moveBy(key: string, index: number, count: number): number | null {
  const last = count - 1;
  const moves: Readonly<Record<string, number>> = {
    ArrowDown: Math.min(index + 1, last),
    ArrowUp: Math.max(index - 1, 0),
    PageDown: Math.min(index + 8, last),
    PageUp: Math.max(index - 8, 0),
    Home: 0,
    End: last,
  };
  return moves[key] ?? null;
}

/** The one tab stop of the list: what has, or had, the focus, else the selected thread, else the first. */
function useTabStop(threads: readonly Thread[], selectedThreadId: string | undefined) {
  const [focusedId, setFocusedId] = useState<string | null>(null);
  const find = (id: string | null | undefined) => (id ? threads.findIndex((thread) => thread.id === id) : -1);
  const focused = find(focusedId);
  return [Math.max(focused >= 0 ? focused : find(selectedThreadId), 0), setFocusedId] as const;
}

/** Puts the focus on the tab stop once it is rendered, each time that this was asked for. */
function useFocusOn(list: RefObject<HTMLElement | null>, tabStopId: string | undefined) {
  const isDue = useRef(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once the row of the new tab stop is there
  useLayoutEffect(() => {
    if (!isDue.current) return;
    isDue.current = false;
    list.current?.querySelector<HTMLElement>('button[tabindex="0"]')?.focus();
  }, [tabStopId]);
  return () => {
    isDue.current = true;
  };
}

/** The rows of the inbox: one tab stop, arrow keys between them, virtualised when there are many. */
export function ThreadRows(props: ThreadRowsProps) {
  const { threads, selectedThreadId, scroller } = props;
  const { chat } = useI18n();
  const list = useRef<HTMLUListElement>(null);
  const [tabStop, setFocusedId] = useTabStop(threads, selectedThreadId);
  const askForFocus = useFocusOn(list, threads[tabStop]?.id);
  const keyOf = useCallback((index: number) => threads[index]?.id ?? String(index), [threads]);
  const { isVirtual, rows, totalSize, measure, reveal } = useThreadWindow(threads.length, keyOf, tabStop, scroller);

  const onKeyDown = (event: KeyboardEvent) => {
    const next = event.altKey || event.ctrlKey || event.metaKey ? null : moveBy(event.key, tabStop, threads.length);
    if (next === null) return;
    event.preventDefault();
    if (next === tabStop) return;
    askForFocus();
    setFocusedId(threads[next]?.id ?? null);
    reveal(next);
  };

  return (
    <ul
      ref={list}
      // Safari forgets that a list without bullets is one.
      // biome-ignore lint/a11y/noRedundantRoles: see above
      role="list"
      aria-label={chat.inbox.title}
      className={styles.rows}
      data-virtual={isVirtual || undefined}
      style={totalSize === null ? undefined : { blockSize: totalSize }}
      onKeyDown={onKeyDown}
    >
      {rows.map(({ index, start }) => {
        const thread = threads[index];
        if (!thread) return null;
        return (
          <li
            key={thread.id}
            ref={measure}
            data-index={index}
            aria-setsize={isVirtual ? threads.length : undefined}
            aria-posinset={isVirtual ? index + 1 : undefined}
            style={isVirtual ? { transform: `translateY(${start}px)` } : undefined}
            onFocus={() => setFocusedId(thread.id)}
          >
            <Row {...props} thread={thread} isTabStop={index === tabStop} />
          </li>
        );
      })}
    </ul>
  );
}

function Row({ thread, isTabStop, ...list }: ThreadRowsProps & Pick<ThreadListItemProps, "thread" | "isTabStop">) {
  return (
    <ThreadListItem
      thread={thread}
      me={list.me}
      presence={list.presences.get(String(counterpart(thread, list.me)?.user_id))}
      typingNames={list.typing.get(thread.id) ?? NOBODY}
      isSelected={thread.id === list.selectedThreadId}
      isTabStop={isTabStop}
      onSelect={list.onSelect}
    />
  );
}
