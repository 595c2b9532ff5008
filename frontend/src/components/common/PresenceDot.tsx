import { useI18n } from "../../i18n";
import { classes } from "./classes";
import styles from "./PresenceDot.module.css";
import type { PresenceState } from "./presence";
import { VisuallyHidden } from "./VisuallyHidden";

/** A dot whose shape tells the state as well as its colour: full, half, hollow; with the word for screen readers. */
export function PresenceDot({ presence }: { readonly presence: PresenceState }) {
  const word = useI18n().centre.common.presence[presence];
  return (
    <span className={classes(styles.dot, styles[presence])} title={word}>
      <VisuallyHidden>{word}</VisuallyHidden>
    </span>
  );
}
