import { useMemo } from "react";
import { navigate, usePathname, useSearch } from "wouter/use-browser-location";
import { appPathOf, INBOX_PATH, outsideUrlOf, type Place, placeOf, threadPath } from "./places";

const INBOX: Place = { name: "inbox" };
/** Kept in the history's state: one step back is then the way to the inbox, or to the thread without its details. */
const FROM_INBOX = { from: "inbox" };
const FROM_THREAD = { from: "thread" };

/** Where we are; the inbox where the address is unknown. */
export function usePlace(): Place {
  const path = usePathname();
  const search = useSearch();
  return useMemo(() => placeOf(path, search) ?? INBOX, [path, search]);
}

/** Goes to an address of the app; from the inbox such that `goBack` undoes it. */
export function goTo(path: string, options: { replace?: boolean } = {}): void {
  const fromInbox = location.pathname === INBOX_PATH && !options.replace;
  navigate(path, fromInbox ? { ...options, state: FROM_INBOX } : options);
}

/** Back to the inbox: a step back in the history where that leads there, else forward. */
export function goBack(): void {
  if (history.state?.from === FROM_INBOX.from) history.back();
  else navigate(INBOX_PATH);
}

/** Follows an `action_url`: within the app if it is one of our addresses, else in a new tab. */
export function follow(url: string): void {
  const path = appPathOf(url, location.origin);
  const outside = outsideUrlOf(url, location.origin);
  if (path !== null) goTo(path);
  else if (outside !== null) window.open(outside, "_blank", "noopener,noreferrer");
}

/** Shows or hides the details of a thread; where they cover the chat, the browser's back button hides them, too. */
function showDetails(threadId: string, open: boolean, isRoomy: boolean): void {
  if (!open && history.state?.from === FROM_THREAD.from) history.back();
  else if (open && !isRoomy) navigate(threadPath(threadId, { details: true }), { state: FROM_THREAD });
  else navigate(threadPath(threadId, { details: open }), { replace: true, state: history.state });
}

/** Ways to move, for the components of the shell. */
export interface Navigation {
  openThread(threadId: string): void;
  setDetails(open: boolean): void;
}

/** Moves relative to where we are: an open details pane stays open in the next thread. */
export function useNavigation(place: Place, isRoomy: boolean): Navigation {
  const keepsDetails = isRoomy && place.name === "thread" && place.details;
  const threadId = place.name === "thread" ? place.threadId : null;
  return useMemo(
    () => ({
      openThread: (id) => goTo(threadPath(id, { details: keepsDetails })),
      setDetails: (open) => {
        if (threadId) showDetails(threadId, open, isRoomy);
      },
    }),
    [keepsDetails, threadId, isRoomy],
  );
}
