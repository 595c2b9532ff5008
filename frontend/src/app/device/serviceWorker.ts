import { isRecord } from "../session/claims";

/** The build that a bundle's address names (`/assets/index-AbC1.js`), or null while developing. */
export function buildOf(bundleUrl: string): string | null {
  return /-([\w-]{6,})\.js$/.exec(new URL(bundleUrl).pathname)?.[1] ?? null;
}

/** The worker of this build; undefined while developing. Its address names the build: a new build, a new cache. */
export function workerUrl(page: Document = document): string | undefined {
  const entry = page.querySelector<HTMLScriptElement>('script[type="module"][src]');
  const build = entry && buildOf(entry.src);
  return build ? `/sw.js?v=${build}` : undefined;
}

/** Registers the worker of this build. */
export function registerServiceWorker(): void {
  const url = workerUrl();
  if (url === undefined || !("serviceWorker" in navigator)) return;
  navigator.serviceWorker.register(url, { updateViaCache: "none" }).catch((error: unknown) => {
    console.warn("no service worker:", error);
  });
}

/** The address that the worker asks to go to, if that is what a message of it says. */
export function addressOfMessage(message: unknown): string | null {
  return isRecord(message) && message.type === "navigate" && typeof message.url === "string" ? message.url : null;
}

/** Hears of alerts that the person clicked. Returns how to stop listening. */
export function onAlertClick(go: (address: string) => void): () => void {
  if (!("serviceWorker" in navigator)) return () => {};
  const worker = navigator.serviceWorker;
  const receive = (event: MessageEvent) => {
    const address = addressOfMessage(event.data);
    if (address !== null) go(address);
  };
  worker.addEventListener("message", receive);
  worker.startMessages();
  return () => worker.removeEventListener("message", receive);
}
