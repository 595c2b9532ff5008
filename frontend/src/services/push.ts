import { deviceStorage, type TextStorage } from "./drafts";
import { handled, ignore } from "./failure";
import { createStore } from "./store";
import type { RealtimeClient, Store } from "./types";

/**
 * unsupported: this browser has no Web Push (on iOS only an installed app has). unavailable: this server sends none.
 * denied: the person forbade notifications in the browser. off, on: for this person on this browser.
 */
export type PushState = "unsupported" | "off" | "on" | "denied" | "unavailable";

export interface PushOptions {
  /** Default: the worker that the page has registered, else `/sw.js`. */
  readonly serviceWorkerUrl?: string;
  /** What the list of devices calls this one, such as "Firefox on Android". */
  readonly deviceName?: string;
  /** Where it is remembered whose pushes this browser gets. Default: `localStorage`. */
  readonly storage?: TextStorage;
}

/** Web Push for this browser. `enable` must be called from a click: the browser asks the person. */
export interface Push extends Store<PushState> {
  enable(): Promise<PushState>;
  disable(): Promise<PushState>;
  /** Follows the client's settings from now on. Returns how to end it. */
  start(): () => void;
}

/** Makes the push switch of a client. It does nothing until it is started or asked. */
export function createPush(client: RealtimeClient, options: PushOptions = {}): Push {
  const push = new WebPush(client, options);
  return {
    subscribe: push.store.subscribe,
    getSnapshot: push.store.getSnapshot,
    enable: () => handled(push.enable()),
    disable: () => handled(push.disable()),
    start: () => push.start(),
  };
}

class WebPush {
  readonly store = createStore<PushState>(isSupported() ? "off" : "unsupported");
  readonly #client: RealtimeClient;
  readonly #url: string | null;
  readonly #deviceName: string | null;
  readonly #storage: TextStorage;
  /** Whether the server has listed this device: only then does its absence mean that it was removed. */
  #isListed = false;

  constructor(client: RealtimeClient, { serviceWorkerUrl, deviceName, storage }: PushOptions) {
    this.#client = client;
    this.#url = serviceWorkerUrl ?? null;
    this.#deviceName = deviceName ?? null;
    this.#storage = storage ?? deviceStorage();
  }

  start(): () => void {
    let key: string | null | undefined;
    const refresh = () => void this.#refresh().catch(ignore);
    const follow = () => {
      const next = this.#client.settings.getSnapshot()?.push.public_key;
      if (next !== key || this.#wasRemoved()) refresh();
      key = next;
    };
    // The service worker tells that the browser replaced the subscription.
    const renew = ({ data }: MessageEvent) => {
      if (data?.type === "push-subscription-changed") refresh();
    };
    follow();
    const unsubscribe = this.#client.settings.subscribe(follow);
    if (isSupported()) navigator.serviceWorker.addEventListener("message", renew);
    return () => {
      unsubscribe();
      if (isSupported()) navigator.serviceWorker.removeEventListener("message", renew);
    };
  }

  async enable(): Promise<PushState> {
    const key = this.#client.settings.getSnapshot()?.push.public_key ?? null;
    if (!isSupported() || key === null) return this.#show(this.#stateWithout());
    if ((await Notification.requestPermission()) !== "granted") return this.#show(this.#stateWithout());
    // Unless we were told which, the page's own worker is the one: another address would replace it.
    const registered = await navigator.serviceWorker.getRegistration();
    if (this.#url !== null || !registered) await navigator.serviceWorker.register(this.#url ?? "/sw.js");
    const registration = await navigator.serviceWorker.ready;
    await this.#register(await subscribe(registration, key));
    return this.#show("on");
  }

  async disable(): Promise<PushState> {
    const subscription = await currentSubscription();
    if (subscription !== null) await this.#client.ask("unsubscribe_push", { endpoint: subscription.endpoint });
    return this.#end(subscription);
  }

  /** No more pushes on this browser, whoever ended them. */
  async #end(subscription: PushSubscription | null): Promise<PushState> {
    this.#remember(null);
    await subscription?.unsubscribe();
    return this.#show(this.#stateWithout());
  }

  /** Whether the server lists this device; undefined while that says nothing. */
  #listed(): boolean | undefined {
    const devices = this.#client.settings.getSnapshot()?.push.devices;
    const remembered = this.#storage.getItem(this.#place());
    return remembered === null ? undefined : devices?.some(({ id }) => id === remembered);
  }

  /** Whether somebody removed this device while we look on. One that was just added is not listed yet. */
  #wasRemoved(): boolean {
    const wasListed = this.#isListed;
    this.#isListed = this.#listed() === true;
    return wasListed && !this.#isListed;
  }

  /** Looks at how things stand, and repairs what the server may have forgotten or the browser may have renewed. */
  async #refresh(): Promise<void> {
    const key = this.#client.settings.getSnapshot()?.push.public_key ?? null;
    const subscription = isSupported() ? await currentSubscription() : null;
    const isOurs = subscription !== null && this.#storage.getItem(this.#place()) !== null;
    // Removed from the list of devices, here or on another one, perhaps while this one was closed.
    if (isOurs && this.#listed() === false) {
      await this.#end(subscription);
      return;
    }
    if (key === null || !isOurs || Notification.permission !== "granted") {
      this.#show(this.#stateWithout());
      return;
    }
    await this.#register(subscription);
    this.#show("on");
  }

  /** The state, given that this browser gets no pushes for this person. */
  #stateWithout(): PushState {
    const settings = this.#client.settings.getSnapshot();
    if (!isSupported()) return "unsupported";
    if (settings !== null && settings.push.public_key === null) return "unavailable";
    return Notification.permission === "denied" ? "denied" : "off";
  }

  async #register(subscription: PushSubscription): Promise<void> {
    const { keys } = subscription.toJSON();
    const { p256dh, auth } = keys ?? {};
    if (p256dh === undefined || auth === undefined)
      throw new TypeError("The browser gave a subscription without keys.");
    const { endpoint } = subscription;
    const request = { endpoint, keys: { p256dh, auth }, device_name: this.#deviceName };
    const { id } = await this.#client.ask("subscribe_push", request);
    this.#remember(id);
  }

  /** A browser's subscription belongs to nobody in particular: who turned it on is remembered beside it. */
  #place(): string {
    return `vh:push:${this.#client.me.getSnapshot() ?? ""}`;
  }

  #remember(deviceId: string | null): void {
    try {
      if (deviceId === null) this.#storage.removeItem(this.#place());
      else this.#storage.setItem(this.#place(), deviceId);
    } catch {
      // A full device: the switch will show "off" after a reload, and turning it on again repairs it.
    }
  }

  #show(state: PushState): PushState {
    this.store.set(state);
    return state;
  }
}

function isSupported(): boolean {
  return (
    typeof navigator !== "undefined" &&
    "serviceWorker" in navigator &&
    typeof PushManager !== "undefined" &&
    typeof Notification !== "undefined"
  );
}

async function currentSubscription(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration();
  return (await registration?.pushManager.getSubscription()) ?? null;
}

/** A subscription with this key; one with another key (the server's changed) is replaced. */
async function subscribe(registration: ServiceWorkerRegistration, publicKey: string): Promise<PushSubscription> {
  const key = bytesOf(publicKey);
  const held = await registration.pushManager.getSubscription();
  if (held !== null) {
    if (isEqual(held.options.applicationServerKey, key)) return held;
    await held.unsubscribe();
  }
  return registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

/** base64url to bytes: not every browser takes the text. */
function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function isEqual(buffer: ArrayBuffer | null, bytes: Uint8Array): boolean {
  if (buffer === null || buffer.byteLength !== bytes.byteLength) return false;
  return new Uint8Array(buffer).every((byte, index) => byte === bytes[index]);
}
