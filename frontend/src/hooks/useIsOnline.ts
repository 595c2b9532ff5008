import type { ConnectionState } from "../services/types";
import { useRealtimeClient } from "./context";
import { useSelection } from "./useStore";

const isOnline = (state: ConnectionState) => state.status === "online";

/** Whether the connection is whole. Renders again only when that changes, unlike `useConnection`. */
export function useIsOnline(): boolean {
  return useSelection(useRealtimeClient().connection, isOnline);
}
