import { Tooltip as Radix } from "radix-ui";
import type { FocusEvent, ReactNode } from "react";
import styles from "./Tooltip.module.css";

/** What the tooltip says, of which element. */
export interface TooltipProps {
  readonly text: string;
  readonly side?: "top" | "right" | "bottom" | "left";
  readonly onFocus?: (event: FocusEvent<HTMLElement>) => void;
  /** One element that takes a ref and the properties given to it. */
  readonly children: ReactNode;
}

/** A hint on hover and keyboard focus; Esc puts it away. */
export function Tooltip({ text, side = "bottom", onFocus, children }: TooltipProps) {
  return (
    <Radix.Provider delayDuration={500} skipDelayDuration={200}>
      <Radix.Root>
        <Radix.Trigger asChild onFocus={onFocus}>
          {children}
        </Radix.Trigger>
        <Radix.Portal>
          <Radix.Content className={styles.tooltip} side={side} sideOffset={6} collisionPadding={8}>
            {text}
          </Radix.Content>
        </Radix.Portal>
      </Radix.Root>
    </Radix.Provider>
  );
}
