import { useConnection } from "../../hooks/useConnection";
import { ConnectionStatusBar } from "./ConnectionStatusBar";

/** Tells, over everything else, when there is no connection and what is done about it. */
export function ConnectionBanner() {
  const { status, error, wasOnline, retryInS, retryNow } = useConnection();
  return (
    <ConnectionStatusBar status={status} error={error} wasOnline={wasOnline} retryInS={retryInS} onRetry={retryNow} />
  );
}
