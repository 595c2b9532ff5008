import { Bell, CircleAlert, TriangleAlert } from "lucide-react";
import { useI18n } from "../../i18n";
import styles from "./PriorityMark.module.css";

/** The picture of a priority; the word is beside the title. */
export function PriorityIcon({ priority }: { readonly priority: string }) {
  const icon = priority === "urgent" ? <TriangleAlert /> : priority === "high" ? <CircleAlert /> : <Bell />;
  return (
    <span className={styles.icon} data-priority={priority} aria-hidden="true">
      {icon}
    </span>
  );
}

/** The word of a priority that is above the ordinary. */
export function PriorityWord({ priority }: { readonly priority: string }) {
  const words = useI18n().centre.notifications.priority;
  if (priority !== "urgent" && priority !== "high") return null;
  return (
    <span className={styles.word} data-priority={priority}>
      {words[priority]}
    </span>
  );
}
