import { type FocusEvent, type RefObject, useLayoutEffect, useRef } from "react";

/**
 * Keeps keyboard focus in a list when the button that had it goes away, with its item or alone: the item takes it, or
 * the one in its place. Items are `[data-id]` and can be focused.
 */
export function useKeptFocus(list: RefObject<HTMLElement | null>) {
  const last = useRef<{ id: string; index: number } | null>(null);
  const items = () => Array.from(list.current?.querySelectorAll<HTMLElement>("[data-id]") ?? []);

  useLayoutEffect(() => {
    if (!last.current || document.activeElement !== document.body) return;
    const { id, index } = last.current;
    const found = items();
    (found.find((item) => item.dataset.id === id) ?? found.at(Math.min(index, found.length - 1)))?.focus();
  });

  return {
    onFocus(event: FocusEvent<HTMLElement>) {
      const item = event.target.closest<HTMLElement>("[data-id]");
      last.current = item ? { id: item.dataset.id ?? "", index: items().indexOf(item) } : null;
    },
    onBlur(event: FocusEvent<HTMLElement>) {
      if (event.relatedTarget === null) last.current = null;
    },
  };
}
