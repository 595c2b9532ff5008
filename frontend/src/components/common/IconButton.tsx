import { type ComponentPropsWithoutRef, forwardRef, type ReactNode } from "react";
import { classes } from "./classes";
import { countText } from "./countText";
import styles from "./IconButton.module.css";
import type { Side } from "./placeBeside";
import { Tooltip } from "./Tooltip";

/** A native button's properties, its name, and its picture. */
export interface IconButtonProps extends Omit<ComponentPropsWithoutRef<"button">, "children" | "aria-label"> {
  /** The name for screen readers, shown to others as a tooltip. If there is a badge, it must tell the count, too. */
  readonly label: string;
  /** An element of lucide-react; the button sizes it. */
  readonly icon: ReactNode;
  /** A count for the eyes; 0 shows nothing. */
  readonly badge?: number | undefined;
  readonly tooltipSide?: Side;
}

/** A button that is a picture, named by a tooltip. */
export const IconButton = forwardRef<HTMLButtonElement, IconButtonProps>(function IconButton(
  { label, icon, badge = 0, className, tooltipSide = "bottom", type = "button", ...props },
  ref,
) {
  return (
    <Tooltip text={label} side={tooltipSide}>
      <button {...props} ref={ref} type={type} aria-label={label} className={classes(styles.button, className)}>
        {icon}
        {badge > 0 ? (
          <span className={styles.badge} aria-hidden="true">
            {countText(badge)}
          </span>
        ) : null}
      </button>
    </Tooltip>
  );
});
