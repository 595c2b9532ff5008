import { useRealtimeClient } from "../../hooks/context";
import { INBOX_PATH, type Place, SETTINGS_PATH } from "../navigation/places";
import { goBack, goTo, type Navigation } from "../navigation/useNavigation";
import { useShortcuts } from "../navigation/useShortcuts";
import type { Overlays } from "./useOverlays";

/** The thread that stands before (-1) or after (1) the open one in the inbox; at first the topmost. */
export function neighbour(ids: readonly string[], openId: string | null, step: -1 | 1): string | null {
  const at = openId === null ? -1 : ids.indexOf(openId);
  return (at < 0 ? ids[0] : ids[at + step]) ?? null;
}

function focusSearch(): void {
  const find = () => document.querySelector<HTMLInputElement>('[data-pane="inbox"] input');
  if (find()?.checkVisibility()) {
    find()?.focus();
    return;
  }
  goTo(INBOX_PATH);
  requestAnimationFrame(() => find()?.focus());
}

/** Connects the shortcuts with the shell. */
export function useAppShortcuts(place: Place, navigation: Navigation, overlays: Overlays): void {
  const client = useRealtimeClient();
  const openId = place.name === "thread" ? place.threadId : null;
  const step = (by: -1 | 1) => {
    const ids = client.threads.getSnapshot().threads.map((thread) => thread.id);
    const id = neighbour(ids, openId, by);
    if (id) navigation.openThread(id);
  };

  useShortcuts({
    search: focusSearch,
    newConversation: () => overlays.show("newConversation"),
    notifications: () => overlays.show("notifications"),
    help: () => overlays.show("help"),
    settings: () => goTo(SETTINGS_PATH),
    previous: () => step(-1),
    next: () => step(1),
    close() {
      if (place.name === "thread" && place.details) navigation.setDetails(false);
      else if (place.name !== "inbox") goBack();
    },
  });
}
