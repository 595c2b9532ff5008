import type { MouseEvent } from "react";

/**
 * For a link that the app follows itself: true if it should, and the browser is told not to. With a modifier key the
 * browser keeps its own meaning, a new tab.
 */
export function takesOver(event: MouseEvent): boolean {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return false;
  event.preventDefault();
  return true;
}
