import styles from "./Modal.module.css";
import { Panel, type PanelProps } from "./Panel";

/** A dialog in the middle; on phones it takes the whole screen. */
export function Modal(props: PanelProps) {
  return <Panel {...props} className={styles.modal} />;
}
