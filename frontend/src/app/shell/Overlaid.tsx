import { Suspense } from "react";
import { follow } from "../navigation/useNavigation";
import { LazyHelpSheet, LazyNewConversation, LazyNotificationCenter } from "./parts";
import type { Overlays } from "./useOverlays";

/** Which overlay is open, and where opened threads are shown. */
export interface OverlaidProps {
  readonly overlays: Overlays;
  readonly onOpenThread: (threadId: string) => void;
}

/** Drawers and dialogs, each loaded when it is first opened. */
export function Overlaid({ overlays, onOpenThread }: OverlaidProps) {
  const { open, used, setOpen } = overlays;
  return (
    <Suspense fallback={null}>
      {used.has("notifications") ? (
        <LazyNotificationCenter
          open={open === "notifications"}
          onOpenChange={(isOpen) => setOpen("notifications", isOpen)}
          onNavigate={(url) => {
            setOpen("notifications", false);
            follow(url);
          }}
        />
      ) : null}
      {used.has("newConversation") ? (
        <LazyNewConversation
          open={open === "newConversation"}
          onOpenChange={(isOpen) => setOpen("newConversation", isOpen)}
          onOpened={(threadId) => {
            setOpen("newConversation", false);
            onOpenThread(threadId);
          }}
        />
      ) : null}
      {used.has("help") ? (
        <LazyHelpSheet open={open === "help"} onOpenChange={(isOpen) => setOpen("help", isOpen)} />
      ) : null}
    </Suspense>
  );
}
