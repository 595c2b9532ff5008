import { createContext, useContext } from "react";
import type { RealtimeClient } from "../services/types";

/** The client of the nearest RealtimeProvider. */
export const RealtimeContext = createContext<RealtimeClient | null>(null);

/** The client of the nearest `RealtimeProvider`; throws without one. */
export function useRealtimeClient(): RealtimeClient {
  const client = useContext(RealtimeContext);
  if (!client) throw new Error("VeriHome Realtime: this hook needs a <RealtimeProvider> above it.");
  return client;
}
