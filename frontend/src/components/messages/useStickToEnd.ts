import { type RefObject, useCallback, useEffect, useRef, useState } from "react";

/** Nearer to the end than this, in px, a reader who scrolls down means the end. */
const NEAR_PX = 24;
/** Rounding of fractional scroll positions. */
const SLACK_PX = 2;

export interface StickOptions {
  readonly scroller: RefObject<HTMLElement | null>;
  /** Whose size changes when what is shown grows. */
  readonly content: RefObject<HTMLElement | null>;
  /** False while the end of what is loaded is not the latest: there is no end to stick to yet. */
  readonly enabled: boolean;
  /** Scrolls to the end, at once. Stable. */
  readonly toEnd: () => void;
  /** Gives up any scrolling under way, for the reader's own. */
  readonly letGo: () => void;
}

export interface StickToEnd {
  /** For rendering. */
  readonly isSticking: boolean;
  /** Always current, for effects and handlers. */
  readonly sticking: RefObject<boolean>;
  /** From now on, until the reader moves up. */
  readonly stick: () => void;
  /** Before one scrolls up for the reader. */
  readonly release: () => void;
}

interface Measures {
  readonly top: number;
  readonly height: number;
  readonly inner: number;
}

function measure(element: HTMLElement): Measures {
  return { top: element.scrollTop, height: element.clientHeight, inner: element.scrollHeight };
}

function fromEnd({ top, height, inner }: Measures): number {
  return inner - height - top;
}

/** What a scroll event says of the reader: to stick, to release, or nothing (the content or the window moved it). */
export function readIntent(before: Measures, now: Measures): "stick" | "release" | null {
  const shrank = now.inner < before.inner || now.height > before.height;
  if (now.top < before.top && !shrank && fromEnd(now) > SLACK_PX) return "release";
  if (now.top > before.top && fromEnd(now) <= NEAR_PX) return "stick";
  return null;
}

function canScrollUp(element: HTMLElement): boolean {
  return element.scrollTop > 0;
}

/** Tells when the reader means to go up, before the scroll position shows it. */
function listenForUpward(element: HTMLElement, onUp: () => void): () => void {
  let touchY = 0;
  const onWheel = (event: WheelEvent) => {
    if (event.deltaY < 0 && !event.ctrlKey) onUp();
  };
  const onTouchStart = (event: TouchEvent) => {
    touchY = event.touches[0]?.clientY ?? 0;
  };
  const onTouchMove = (event: TouchEvent) => {
    if ((event.touches[0]?.clientY ?? 0) > touchY + 4) onUp();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (["ArrowUp", "PageUp", "Home"].includes(event.key) || (event.key === " " && event.shiftKey)) onUp();
  };
  const controller = new AbortController();
  const options = { passive: true, signal: controller.signal };
  element.addEventListener("wheel", onWheel, options);
  element.addEventListener("touchstart", onTouchStart, options);
  element.addEventListener("touchmove", onTouchMove, options);
  element.addEventListener("keydown", onKeyDown, options);
  return () => controller.abort();
}

/**
 * Keeps a scroller at its end while the reader is there, whatever grows or shrinks: the content, the scroller, the
 * window. The reader's way up wins at once.
 */
export function useStickToEnd({ scroller, content, enabled, toEnd, letGo }: StickOptions): StickToEnd {
  const sticking = useRef(false);
  const [isSticking, setIsSticking] = useState(false);
  const set = useCallback((value: boolean) => {
    sticking.current = value;
    setIsSticking(value);
  }, []);
  const stick = useCallback(() => set(true), [set]);
  const release = useCallback(() => set(false), [set]);

  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    let before = measure(element);
    const leave = () => {
      letGo();
      release();
    };
    const onScroll = () => {
      const now = measure(element);
      const intent = readIntent(before, now);
      before = now;
      // Our own way up (to a message that was asked for) has released before it began.
      if (intent === "release" && sticking.current) leave();
      else if (intent === "stick" && enabled) stick();
    };
    const observer = new ResizeObserver(() => {
      if (sticking.current && enabled) toEnd();
      before = measure(element);
    });
    observer.observe(element);
    if (content.current) observer.observe(content.current);
    element.addEventListener("scroll", onScroll, { passive: true });
    const stopListening = listenForUpward(element, () => {
      if (canScrollUp(element)) leave();
    });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", onScroll);
      stopListening();
    };
  }, [scroller, content, enabled, toEnd, letGo, release, stick]);

  return { isSticking: isSticking && enabled, sticking, stick, release };
}
