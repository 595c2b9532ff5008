import { useCallback } from "react";
import { handled } from "../services/failure";
import type { PersonSettings, SettingsChange } from "../services/types";
import { useRealtimeClient } from "./context";
import { useStore } from "./useStore";

/** A person's settings, equal on all devices. */
export interface SettingsResult {
  /** null until the server has told them. */
  readonly settings: PersonSettings | null;
  /** Shown at once, undone if the server refuses: then it rejects with a RealtimeFailure. */
  update(change: SettingsChange): Promise<void>;
}

/** The person's settings, live. */
export function useSettings(): SettingsResult {
  const { settings: store } = useRealtimeClient();
  const settings = useStore(store);
  const update = useCallback((change: SettingsChange) => handled(store.update(change)), [store]);
  return { settings, update };
}
