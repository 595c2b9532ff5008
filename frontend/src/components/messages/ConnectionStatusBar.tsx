import { Clock3, CloudOff, RefreshCw, ShieldAlert } from "lucide-react";
import { useEffect, useState } from "react";
import { useI18n } from "../../i18n";
import type { ConnectionState } from "../../services/types";
import styles from "./ConnectionStatusBar.module.css";

/** How the connection is, and how to hasten it. */
export interface ConnectionStatusBarProps extends Pick<ConnectionState, "status" | "error" | "wasOnline" | "degraded"> {
  readonly retryInS: number | null;
  readonly onRetry: () => void;
}

/** A connection that is made within this time is not worth a word. */
const PATIENCE_MS = 1000;

type Trouble = "connecting" | "waiting" | "refused" | "degraded";

function troubleOf({ status, degraded }: Pick<ConnectionState, "status" | "degraded">): Trouble | null {
  if (status === "online") return degraded === null ? null : "degraded";
  return status === "idle" ? null : status;
}

/** The trouble to show: an attempt that has only just begun shows what was there before. */
function useShownTrouble(trouble: Trouble | null): Trouble | null {
  const [shown, setShown] = useState<Trouble | null>(null);
  useEffect(() => {
    if (trouble !== "connecting") return setShown(trouble);
    const timer = setTimeout(() => setShown(trouble), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [trouble]);
  return trouble === null ? null : shown;
}

/** A bar over everything that is there only while there is trouble. Screen readers hear of each change once. */
export function ConnectionStatusBar(props: ConnectionStatusBarProps) {
  const { error, wasOnline, retryInS, onRetry } = props;
  const { connection } = useI18n().chat;
  const trouble = useShownTrouble(troubleOf(props));
  const connecting = wasOnline ? connection.reconnecting : connection.connecting;
  const refused = error ? `${connection.refused} ${error.message}` : connection.refused;
  const words = { connecting, waiting: connection.offline, refused, degraded: connection.degraded };
  return (
    <div className={styles.frame} data-trouble={trouble ?? undefined}>
      <div className={styles.clip}>
        <div className={styles.bar}>
          {trouble && <TroubleIcon trouble={trouble} />}
          <span role="status" className={styles.words}>
            {trouble && words[trouble]}
          </span>
          {trouble === "waiting" && retryInS !== null && (
            // Not part of the status: it would be read out each second.
            <span className={styles.countdown} aria-hidden="true">
              {connection.retryIn(retryInS)}
            </span>
          )}
          {(trouble === "waiting" || trouble === "refused") && (
            <button type="button" className={styles.retry} onClick={() => onRetry()}>
              {connection.retryNow}
            </button>
          )}
        </div>
      </div>
    </div>
  );
}

function TroubleIcon({ trouble }: { readonly trouble: Trouble }) {
  const Icon = { connecting: RefreshCw, waiting: CloudOff, refused: ShieldAlert, degraded: Clock3 }[trouble];
  return <Icon className={trouble === "connecting" ? styles.turning : undefined} aria-hidden="true" />;
}
