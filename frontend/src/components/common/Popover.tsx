import {
  type ComponentPropsWithoutRef,
  type FocusEvent,
  type KeyboardEvent,
  type MouseEvent,
  type RefObject,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { classes } from "./classes";
import styles from "./Popover.module.css";
import { type Placement, placeBox, showBeside } from "./placeBeside";

/** What a popover belongs to, and where it goes. Other properties are the box's own: give it a role and a name. */
export interface PopoverProps extends ComponentPropsWithoutRef<"div"> {
  readonly anchor: RefObject<HTMLElement | null>;
  readonly placement: Placement;
  readonly onClose: () => void;
  /** Where the focus goes when it was inside; by default to the anchor. */
  readonly returnFocus?: () => void;
}

/**
 * A box beside its anchor, above everything, shown as long as it is mounted (the browser's popover API). Esc, a click
 * elsewhere, and the focus going elsewhere ask to close it.
 */
export function Popover({ anchor, placement, onClose, returnFocus, className, children, ...props }: PopoverProps) {
  const box = useRef<HTMLDivElement>(null);
  useShown(box, { anchor, placement, onClose, returnFocus: returnFocus ?? (() => anchor.current?.focus()) });
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: its role is given by who uses it
    <div
      {...props}
      ref={box}
      popover="auto"
      tabIndex={-1}
      className={classes(styles.popover, className)}
      onBlur={(event: FocusEvent<HTMLElement>) => {
        const next = event.relatedTarget;
        if (next && !event.currentTarget.contains(next)) onClose();
      }}
      onKeyDown={(event: KeyboardEvent<HTMLElement>) => {
        props.onKeyDown?.(event as KeyboardEvent<HTMLDivElement>);
        if (event.key !== "Escape") return;
        event.stopPropagation();
        onClose();
      }}
    >
      {children}
    </div>
  );
}

type Shown = Required<Pick<PopoverProps, "anchor" | "placement" | "onClose" | "returnFocus">>;

function useShown(box: RefObject<HTMLElement | null>, shown: Shown): void {
  const latest = useRef(shown);
  useEffect(() => {
    latest.current = shown;
  });
  useLayoutEffect(() => {
    const element = box.current;
    const target = latest.current.anchor.current;
    if (!element || !target) return;
    showBeside(element, target, latest.current.placement);
    // The window shrinks when a phone shows its keyboard, too.
    const onResize = () => placeBox(element, target, latest.current.placement);
    window.addEventListener("resize", onResize);
    if (!element.contains(document.activeElement)) element.focus();
    const onToggle = (event: Event) => {
      if ("newState" in event && event.newState === "closed") latest.current.onClose();
    };
    element.addEventListener("toggle", onToggle);
    return () => {
      window.removeEventListener("resize", onResize);
      element.removeEventListener("toggle", onToggle);
      const { activeElement } = document;
      // The browser gives the focus to nobody when the box that has it goes away.
      if (activeElement === document.body || element.contains(activeElement)) latest.current.returnFocus();
    };
  }, [box]);
}

/** Opens and closes a popover by its button. Spread `trigger` on the button. */
export function usePopover(kind: "dialog" | "menu") {
  const anchor = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);
  const [isOpen, setOpen] = useState(false);
  const trigger = {
    ref: anchor,
    "aria-haspopup": kind,
    "aria-expanded": isOpen,
    // The press itself already closes an open popover; the click that follows must not open it again.
    onPointerDown: () => {
      wasOpen.current = isOpen;
    },
    onClick: (event: MouseEvent) => setOpen(event.detail === 0 ? !isOpen : !wasOpen.current),
  } as const;
  return { anchor, isOpen, close: () => setOpen(false), trigger };
}
