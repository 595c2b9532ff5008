import { type ReactNode, useLayoutEffect, useRef } from "react";
import { Popover, type PopoverProps } from "./Popover";
import { moveFocus } from "./roving";

/** A popover of `MenuItem`s: arrows, Home and End move, Tab leaves (WAI-ARIA APG, menu button). */
export function Menu({ children, ...props }: Omit<PopoverProps, "role" | "onKeyDown">) {
  const list = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    list.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
  }, []);
  return (
    <Popover {...props} role="menu" onKeyDown={(event) => moveFocus(event, "menuitem", "vertical")}>
      <div ref={list} role="none">
        {children}
      </div>
    </Popover>
  );
}

/** What an item does, and what it shows. */
export interface MenuItemProps {
  readonly className?: string | undefined;
  readonly onSelect: () => void;
  readonly children: ReactNode;
}

/** One thing to choose. */
export function MenuItem({ className, onSelect, children }: MenuItemProps) {
  return (
    <button type="button" role="menuitem" tabIndex={-1} className={className} onClick={onSelect}>
      {children}
    </button>
  );
}
