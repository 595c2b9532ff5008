export type Side = "top" | "right" | "bottom" | "left";

/** Where a box goes; `align` is along the side. Lengths are px. */
export interface Placement {
  readonly side: Side;
  readonly align?: "start" | "center" | "end";
  readonly gap?: number;
}

const OPPOSITE: Readonly<Record<Side, Side>> = { top: "bottom", bottom: "top", left: "right", right: "left" };
const MARGIN = 8;

interface Box {
  readonly width: number;
  readonly height: number;
}

/** The corner of a box beside an anchor: on the other side if only that has room, and always within the window. */
export function placeBeside(anchor: DOMRect, box: Box, window: Box, { side, align = "center", gap = 6 }: Placement) {
  const room = {
    top: anchor.top - gap - MARGIN - box.height,
    bottom: window.height - anchor.bottom - gap - MARGIN - box.height,
    left: anchor.left - gap - MARGIN - box.width,
    right: window.width - anchor.right - gap - MARGIN - box.width,
  };
  const chosen = room[side] < 0 && room[OPPOSITE[side]] > room[side] ? OPPOSITE[side] : side;
  const along = (start: number, size: number, own: number) =>
    align === "start" ? start : start + (size - own) * (align === "end" ? 1 : 0.5);
  const isUpright = chosen === "top" || chosen === "bottom";
  const left = isUpright
    ? along(anchor.left, anchor.width, box.width)
    : chosen === "left"
      ? anchor.left - gap - box.width
      : anchor.right + gap;
  const top = isUpright
    ? chosen === "top"
      ? anchor.top - gap - box.height
      : anchor.bottom + gap
    : along(anchor.top, anchor.height, box.height);
  const within = (at: number, own: number, whole: number) => Math.max(MARGIN, Math.min(at, whole - own - MARGIN));
  return { left: within(left, box.width, window.width), top: within(top, box.height, window.height) };
}

/** Shows an element that has the `popover` attribute beside another, above everything. */
export function showBeside(element: HTMLElement, anchor: Element, placement: Placement): void {
  element.showPopover();
  placeBox(element, anchor, placement);
}

/** Moves an element that is shown to where it belongs now. */
export function placeBox(element: HTMLElement, anchor: Element, placement: Placement): void {
  const box = { width: element.offsetWidth, height: element.offsetHeight };
  const size = { width: window.innerWidth, height: window.innerHeight };
  const { left, top } = placeBeside(anchor.getBoundingClientRect(), box, size, placement);
  element.style.left = `${left}px`;
  element.style.top = `${top}px`;
}
