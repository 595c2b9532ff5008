import { Check, CheckCheck, CircleAlert, Clock3 } from "lucide-react";
import { useI18n } from "../../i18n";
import type { DeliveryState } from "../../services/types";
import { VisuallyHidden } from "../common";
import styles from "./Ticks.module.css";

const ICONS = { sending: Clock3, sent: Check, delivered: CheckCheck, read: CheckCheck, failed: CircleAlert };

/** How far one's own message got: a picture for the eyes, a word for screen readers. */
export function Ticks({ state }: { readonly state: DeliveryState }) {
  const { chat } = useI18n();
  const Icon = ICONS[state];
  return (
    <span className={styles.ticks} data-state={state} title={chat.message[state]}>
      <Icon aria-hidden="true" />
      <VisuallyHidden>{chat.message[state]}</VisuallyHidden>
    </span>
  );
}
