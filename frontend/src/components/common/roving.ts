import type { KeyboardEvent } from "react";

/**
 * Moves the focus among the elements of a role inside, by the arrows of an axis, Home and End, around the ends
 * (WAI-ARIA APG). Returns the element that has the focus now, if a key moved it.
 */
export function moveFocus(
  event: KeyboardEvent<HTMLElement>,
  role: "menuitem" | "tab",
  axis: "vertical" | "horizontal",
): HTMLElement | null {
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>(`[role=${role}]`)];
  const at = document.activeElement instanceof HTMLElement ? items.indexOf(document.activeElement) : -1;
  const [back, forth] = axis === "vertical" ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
  const steps: Readonly<Record<string, number>> = { [forth]: at + 1, [back]: Math.max(at, 0) - 1, Home: 0, End: -1 };
  const next = steps[event.key];
  if (next === undefined) return null;
  event.preventDefault();
  const item = items.at(next % items.length) ?? null;
  item?.focus();
  return item;
}
