import { useConnection } from "../../hooks/useConnection";
import { ConnectionStatusBar } from "./ConnectionStatusBar";

/** Tells, over everything else, when there is no connection and what is done about it, or that others are heard late. */
export function ConnectionBanner() {
  const { status, error, wasOnline, degraded, retryInS, retryNow } = useConnection();
  const state = { status, error, wasOnline, degraded };
  return <ConnectionStatusBar {...state} retryInS={retryInS} onRetry={retryNow} />;
}
