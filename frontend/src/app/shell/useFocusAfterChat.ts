import { useEffect, useRef } from "react";
import type { Place } from "../navigation/places";

/**
 * Whoever leaves a conversation by key or back button finds the focus on its row in the inbox, from where it was opened;
 * without this it would be lost with the conversation.
 */
export function useFocusAfterChat(place: Place): void {
  const left = useRef<string | null>(null);
  useEffect(() => {
    const former = left.current;
    left.current = place.name === "thread" ? place.threadId : null;
    if (place.name !== "inbox" || former === null || document.activeElement !== document.body) return;
    const row = document.querySelector<HTMLElement>(`[data-pane="inbox"] [data-thread-id="${CSS.escape(former)}"]`);
    row?.focus({ preventScroll: true });
  }, [place]);
}
