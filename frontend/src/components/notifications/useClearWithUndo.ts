import { useCallback, useEffect, useRef, useState } from "react";

/** How long a cleared notification can be had back, unless the person is at the button. */
export const UNDO_MS = 8_000;

/** Clearing that can be undone for a while: the server, which cannot undo, is told afterwards. */
export interface ClearWithUndo {
  /** Those to leave out of the list. */
  readonly hidden: ReadonlySet<string>;
  /** The one that can be had back. */
  readonly undoable: string | null;
  clear(notificationId: string): void;
  undo(): void;
  /** Time stands still while the pointer or the focus is on the button. */
  hold(held: boolean): void;
}

/** Holds back `clearNow` for UNDO_MS, until the next one is cleared, or until whoever uses this goes away. */
export function useClearWithUndo(clearNow: (notificationId: string) => Promise<void>): ClearWithUndo {
  const [undoable, setUndoable] = useState<string | null>(null);
  const [sent, setSent] = useState<ReadonlySet<string>>(new Set());
  const [held, setHeld] = useState(false);
  const current = useRef({ undoable, clearNow });
  current.current = { undoable, clearNow };

  const commit = useCallback((id: string) => {
    setSent((ids) => new Set([...ids, id]));
    void current.current
      .clearNow(id)
      .finally(() => setSent((ids) => new Set([...ids].filter((other) => other !== id))));
  }, []);
  const clear = useCallback(
    (id: string) => {
      if (current.current.undoable !== null) commit(current.current.undoable);
      setUndoable(id);
    },
    [commit],
  );

  useEffect(() => {
    if (undoable === null || held) return;
    const timer = setTimeout(() => {
      commit(undoable);
      setUndoable(null);
    }, UNDO_MS);
    return () => clearTimeout(timer);
  }, [undoable, held, commit]);
  useEffect(
    () => () => {
      if (current.current.undoable !== null) void current.current.clearNow(current.current.undoable);
    },
    [],
  );

  const hidden = undoable === null ? sent : new Set([...sent, undoable]);
  const undo = () => {
    setUndoable(null);
    setHeld(false);
  };
  return { hidden, undoable, clear, undo, hold: setHeld };
}
