import { useEffect, useRef } from "react";
import { usePreferences } from "../device/preferences";
import { isOverlaid, type ShortcutId, shortcutOf } from "./shortcuts";

/** Runs the action of a pressed shortcut, unless a dialog or menu has the keyboard. */
export function useShortcuts(actions: Readonly<Record<ShortcutId, () => void>>): void {
  const { singleKeys } = usePreferences();
  const current = useRef(actions);
  useEffect(() => {
    current.current = actions;
  });

  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const shortcut = shortcutOf(event, singleKeys);
      if (!shortcut || isOverlaid(document)) return;
      event.preventDefault();
      current.current[shortcut.id]();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [singleKeys]);
}
