import type { Visibility } from "./types";

/** The page's visibility; outside a page (Node, a worker) always visible. */
export function pageVisibility(): Visibility {
  if (typeof document === "undefined") return { isVisible: () => true, subscribe: () => () => {} };
  return {
    isVisible: () => document.visibilityState === "visible",
    subscribe(listener) {
      document.addEventListener("visibilitychange", listener);
      return () => document.removeEventListener("visibilitychange", listener);
    },
  };
}

/** Tells when the device finds a network again. Returns how to stop listening. */
export function onNetworkBack(listener: () => void): () => void {
  if (typeof window === "undefined") return () => {};
  window.addEventListener("online", listener);
  return () => window.removeEventListener("online", listener);
}
