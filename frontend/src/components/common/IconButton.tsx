import { type ComponentPropsWithoutRef, type FocusEvent, forwardRef, type ReactNode } from "react";
import { classes } from "./classes";
import { countText } from "./countText";
import styles from "./IconButton.module.css";
import { Tooltip } from "./Tooltip";

/** A native button's properties, its name, and its picture. */
export interface IconButtonProps extends Omit<ComponentPropsWithoutRef<"button">, "children" | "aria-label"> {
  /** The name for screen readers, shown to others as a tooltip. If there is a badge, it must tell the count, too. */
  readonly label: string;
  /** An element of lucide-react; the button sizes it. */
  readonly icon: ReactNode;
  /** A count for the eyes; 0 shows nothing. */
  readonly badge?: number | undefined;
  readonly tooltipSide?: "top" | "right" | "bottom" | "left";
}

/** A button that is a picture, named by a tooltip. */
export const IconButton = forwardRef<HTMLButtonElement, IconButtonProps>(function IconButton(
  { label, icon, badge = 0, className, tooltipSide = "bottom", "aria-describedby": describedBy, ...props },
  ref,
) {
  return (
    <Tooltip text={label} side={tooltipSide} onFocus={onlyFromKeyboard}>
      <NamedButton
        {...props}
        ref={ref}
        aria-label={label}
        describedBy={describedBy}
        className={classes(styles.button, className)}
      >
        {icon}
        {badge > 0 ? (
          <span className={styles.badge} aria-hidden="true">
            {countText(badge)}
          </span>
        ) : null}
      </NamedButton>
    </Tooltip>
  );
});

interface NamedButtonProps extends ComponentPropsWithoutRef<"button"> {
  readonly describedBy: string | undefined;
}

/** Leaves out the description that a tooltip adds: it says what the name says, and once is enough. */
const NamedButton = forwardRef<HTMLButtonElement, NamedButtonProps>(function NamedButton(
  { describedBy, type = "button", "aria-describedby": _tooltip, ...props },
  ref,
) {
  return <button {...props} ref={ref} type={type} aria-describedby={describedBy} />;
});

/** Keeps the tooltip from opening where focus only came back, as after a dialog closed by mouse. */
function onlyFromKeyboard(event: FocusEvent<HTMLElement>): void {
  if (!event.currentTarget.matches(":focus-visible")) event.preventDefault();
}
