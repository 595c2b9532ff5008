import { type FocusEvent, type RefObject, useRef } from "react";

/** Where the focus was before it came to a part of the page, to which it can go back when that part is done. */
export function useWayBack(part: RefObject<HTMLElement | null>) {
  const before = useRef<Element | null>(null);
  return {
    onFocus(event: FocusEvent) {
      const from = event.relatedTarget;
      if (from && !event.currentTarget.contains(from)) before.current = from;
    },
    /** To be called before what may have the focus goes away. */
    leave(isDone: boolean) {
      if (!part.current?.contains(document.activeElement)) return;
      const back = before.current;
      if (isDone && back instanceof HTMLElement && back.isConnected) back.focus();
      else part.current.focus();
    },
  };
}
