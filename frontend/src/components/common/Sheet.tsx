import { classes } from "./classes";
import { Panel, type PanelProps } from "./Panel";
import styles from "./Sheet.module.css";

/** A panel, and the edge that it comes from. */
export interface SheetProps extends PanelProps {
  readonly side?: "left" | "right" | "bottom";
}

/** A dialog that slides in from an edge; on phones it takes the whole screen, or what it needs if from below. */
export function Sheet({ side = "right", ...panel }: SheetProps) {
  return <Panel {...panel} className={classes(styles.sheet, styles[side])} />;
}
