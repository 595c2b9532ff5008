import { type FocusEvent, useEffect, useState } from "react";

/**
 * Whether someone is at a part of the page, by pointer or focus, or away from the whole window: then what is in it
 * must not go. Spread `holders` on it. `version` changes when something left it: what went from below the pointer
 * cannot tell that the pointer is gone.
 */
export function useHeld(version: unknown) {
  const [hasPointer, setPointer] = useState(false);
  const [hasFocus, setFocus] = useState(false);
  const [isAway, setAway] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: that it changes is what counts
  useEffect(() => setPointer(false), [version]);
  useEffect(() => {
    const leave = () => setAway(true);
    const come = () => setAway(false);
    window.addEventListener("blur", leave);
    window.addEventListener("focus", come);
    return () => {
      window.removeEventListener("blur", leave);
      window.removeEventListener("focus", come);
    };
  }, []);
  const holders = {
    onPointerMove: () => setPointer(true),
    onPointerLeave: () => setPointer(false),
    onFocus: () => setFocus(true),
    onBlur: (event: FocusEvent) => setFocus(event.currentTarget.contains(event.relatedTarget)),
  };
  return { isHeld: hasPointer || hasFocus || isAway, holders };
}
