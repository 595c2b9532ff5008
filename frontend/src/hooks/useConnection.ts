import { useCallback, useEffect, useState } from "react";
import type { ConnectionState } from "../services/types";
import { useRealtimeClient } from "./context";
import { useStore } from "./useStore";

/** The connection as a banner shows it. */
export interface Connection extends ConnectionState {
  readonly isOnline: boolean;
  /** Whole seconds until the next attempt, counting down; null unless waiting for one. */
  readonly retryInS: number | null;
  retryNow(): void;
}

const SECOND_MS = 1000;

function secondsUntil(at: number): number {
  return Math.max(0, Math.ceil((at - Date.now()) / SECOND_MS));
}

function useSecondsUntil(at: number | null): number | null {
  const [, tick] = useState(0);
  useEffect(() => {
    if (at === null) return;
    const timer = setInterval(() => tick((count) => count + 1), SECOND_MS);
    return () => clearInterval(timer);
  }, [at]);
  return at === null ? null : secondsUntil(at);
}

/** How the connection is, live, and a way not to wait for the next attempt. */
export function useConnection(): Connection {
  const client = useRealtimeClient();
  const state = useStore(client.connection);
  const retryInS = useSecondsUntil(state.status === "waiting" ? state.retryAt : null);
  const retryNow = useCallback(() => client.retryNow(), [client]);
  return { ...state, isOnline: state.status === "online", retryInS, retryNow };
}
