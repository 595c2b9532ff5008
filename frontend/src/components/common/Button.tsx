import { type ComponentPropsWithoutRef, forwardRef } from "react";
import styles from "./Button.module.css";
import { classes } from "./classes";

/** A native button's properties, and how it looks. */
export interface ButtonProps extends ComponentPropsWithoutRef<"button"> {
  /** primary: the one thing to do here. plain: everything else. danger: what cannot be undone. */
  readonly variant?: "primary" | "plain" | "danger";
}

/** A button with words. `aria-disabled` looks as `disabled` does, and can still be reached to hear why. */
export const Button = forwardRef<HTMLButtonElement, ButtonProps>(function Button(
  { variant = "plain", className, type = "button", ...props },
  ref,
) {
  return <button {...props} ref={ref} type={type} className={classes(styles.button, styles[variant], className)} />;
});
