import { createPush, type Push, type PushState } from "../services/push";
import type { RealtimeClient, Store } from "../services/types";
import { deviceName } from "./deviceName";

export type { PushState };

/** This browser as a place where a person's pushes go. */
export interface PushDevice extends Store<PushState> {
  /** Asks the person for permission, so call it from a click. Resolves also if they say no. */
  enable(): Promise<void>;
  disable(): Promise<void>;
}

/** One Push for all who look at it: it runs while anyone does. */
function share(push: Push): PushDevice {
  let watchers = 0;
  let stop = () => {};
  return {
    getSnapshot: push.getSnapshot,
    subscribe(listener) {
      const unsubscribe = push.subscribe(listener);
      watchers += 1;
      if (watchers === 1) stop = push.start();
      return () => {
        unsubscribe();
        watchers -= 1;
        if (watchers === 0) stop();
      };
    },
    enable: async () => void (await push.enable()),
    disable: async () => void (await push.disable()),
  };
}

const devices = new WeakMap<RealtimeClient, PushDevice>();

/** The one PushDevice of a client. Where its service worker is counts for the first to ask. */
export function pushDeviceOf(client: RealtimeClient, serviceWorkerUrl?: string): PushDevice {
  const known = devices.get(client);
  if (known) return known;
  const name = typeof navigator === "undefined" ? null : deviceName(navigator.userAgent);
  const options = {
    ...(name === null ? {} : { deviceName: name }),
    ...(serviceWorkerUrl === undefined ? {} : { serviceWorkerUrl }),
  };
  const device = share(createPush(client, options));
  devices.set(client, device);
  return device;
}
