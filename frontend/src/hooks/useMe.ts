import type { UserId } from "../types/generated/contract";
import { useRealtimeClient } from "./context";
import { useStore } from "./useStore";

/** Who we are; null until the server has said so. */
export function useMe(): UserId | null {
  return useStore(useRealtimeClient().me);
}
