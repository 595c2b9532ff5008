import { useCallback, useEffect, useMemo } from "react";
import type { PresenceState } from "../services/types";
import type { Presence, UserId } from "../types/generated/contract";
import { useRealtimeClient } from "./context";
import { sameEntries, useSelection } from "./useStore";

/**
 * Who of these people is there, live, by `String(user_id)`; whoever is missing is not known. The list may be a new array
 * on each render.
 */
export function usePresence(userIds: readonly UserId[]): ReadonlyMap<string, Presence> {
  const { presence } = useRealtimeClient();
  const names = JSON.stringify(userIds);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `names` stands for the ids, whatever array they are in.
  const ids = useMemo(() => userIds, [names]);
  useEffect(() => {
    if (ids.length > 0) presence.ensure(ids);
  }, [presence, ids]);
  const select = useCallback(
    ({ users }: PresenceState) => {
      const found = new Map<string, Presence>();
      for (const id of ids) {
        const one = users.get(String(id));
        if (one) found.set(String(id), one);
      }
      return found;
    },
    [ids],
  );
  return useSelection(presence, select, sameEntries);
}
