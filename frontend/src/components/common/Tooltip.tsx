import {
  type FocusEvent,
  type PointerEvent,
  type ReactNode,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { type Side, showBeside } from "./placeBeside";
import styles from "./Tooltip.module.css";

const HOVER_MS = 500;
/** Within this time after one tooltip went, the next comes at once: the pointer is looking along a row of buttons. */
const NEXT_MS = 200;
let lastHidden = 0;

/** What the tooltip says, of which element. */
export interface TooltipProps {
  readonly text: string;
  readonly side?: Side;
  /** One element that can have the focus. Its own name must say what the tooltip says: this is for the eyes. */
  readonly children: ReactNode;
}

/** A hint on hover and on keyboard focus; Esc puts it away (WCAG 1.4.13). */
export function Tooltip({ text, side = "bottom", children }: TooltipProps) {
  const anchor = useRef<HTMLSpanElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const [isShown, setShown] = useState(false);
  useEffect(() => () => clearTimeout(timer.current), []);
  const show = (ms: number) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(setShown, ms, true);
  };
  const hide = () => {
    clearTimeout(timer.current);
    if (isShown) lastHidden = Date.now();
    setShown(false);
  };
  // Between blur and focus nothing has the focus. Whatever goes away just then, a dialog takes for what had it, and
  // takes the focus back to its start: nobody would come past a button with a tooltip.
  const hideOnceFocusMoved = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(hide);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only watches what the pointer and the focus do inside
    <span
      ref={anchor}
      className={styles.anchor}
      onPointerEnter={(event: PointerEvent) => {
        if (event.pointerType !== "touch") show(Date.now() - lastHidden < NEXT_MS ? 0 : HOVER_MS);
      }}
      onPointerLeave={hide}
      onPointerDown={hide}
      onFocus={(event: FocusEvent<Element>) => {
        // Not where the focus only came back to, as after a dialog that was closed by mouse.
        if (event.target.matches(":focus-visible")) show(0);
      }}
      onBlur={hideOnceFocusMoved}
    >
      {children}
      {isShown ? <Bubble anchor={anchor} text={text} side={side} onEscape={hide} /> : null}
    </span>
  );
}

interface BubbleProps {
  readonly anchor: { readonly current: HTMLElement | null };
  readonly text: string;
  readonly side: Side;
  readonly onEscape: () => void;
}

function Bubble({ anchor, text, side, onEscape }: BubbleProps) {
  const bubble = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    const target = anchor.current?.firstElementChild;
    if (bubble.current && target) showBeside(bubble.current, target, { side });
  }, [anchor, side]);
  useEffect(() => {
    // First of all, and alone: what the tooltip lies over stays open.
    const listen = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      onEscape();
    };
    window.addEventListener("keydown", listen, true);
    return () => window.removeEventListener("keydown", listen, true);
  }, [onEscape]);
  return (
    <span ref={bubble} popover="manual" aria-hidden="true" className={styles.tooltip}>
      {text}
    </span>
  );
}
