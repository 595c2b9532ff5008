import { useCallback } from "react";
import { handled } from "../services/failure";
import { useRealtimeClient } from "./context";
import { type PushState, pushDeviceOf } from "./pushDevice";
import { useStore } from "./useStore";

/** Pushes to this device. */
export interface PushResult {
  readonly pushState: PushState;
  /** Asks the person for permission, so call it from a click. Resolves also if they say no: see `pushState`. */
  enablePushNotifications(): Promise<void>;
  disablePushNotifications(): Promise<void>;
}

/** Whether this device gets pushes, live, and how to change that. Needs the page's service worker (see the readme). */
export function usePush(): PushResult {
  const device = pushDeviceOf(useRealtimeClient());
  return {
    pushState: useStore(device),
    enablePushNotifications: useCallback(() => handled(device.enable()), [device]),
    disablePushNotifications: useCallback(() => handled(device.disable()), [device]),
  };
}
