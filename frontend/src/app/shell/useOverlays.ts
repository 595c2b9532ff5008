import { useMemo, useState } from "react";

/** What may lie over the panes; one at a time. */
export type Overlay = "notifications" | "newConversation" | "help";

/** The open overlay, and ways to open and close. */
export interface Overlays {
  readonly open: Overlay | null;
  /** Those that were open once: their code is loaded, and they stay mounted to close gracefully. */
  readonly used: ReadonlySet<Overlay>;
  show(overlay: Overlay): void;
  setOpen(overlay: Overlay, open: boolean): void;
}

/** Holds which overlay is open. */
export function useOverlays(): Overlays {
  const [open, setOpen] = useState<Overlay | null>(null);
  const [used, setUsed] = useState<ReadonlySet<Overlay>>(new Set());
  return useMemo(() => {
    const show = (overlay: Overlay) => {
      setOpen(overlay);
      setUsed((before) => (before.has(overlay) ? before : new Set([...before, overlay])));
    };
    return {
      open,
      used,
      show,
      setOpen: (overlay, isOpen) =>
        isOpen ? show(overlay) : setOpen((current) => (current === overlay ? null : current)),
    };
  }, [open, used]);
}
