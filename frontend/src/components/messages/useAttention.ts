import { useSyncExternalStore } from "react";

const WINDOW_EVENTS = ["focus", "blur"] as const;

function subscribe(listener: () => void): () => void {
  for (const name of WINDOW_EVENTS) window.addEventListener(name, listener);
  document.addEventListener("visibilitychange", listener);
  return () => {
    for (const name of WINDOW_EVENTS) window.removeEventListener(name, listener);
    document.removeEventListener("visibilitychange", listener);
  };
}

function isAttentive(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

/** Whether the person has this window before them: visible and focused. What is not seen is not read. */
export function useAttention(): boolean {
  return useSyncExternalStore(subscribe, isAttentive, () => false);
}
