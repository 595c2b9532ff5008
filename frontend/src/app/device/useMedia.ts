import { useCallback, useSyncExternalStore } from "react";

/** Whether a media query holds, followed. */
export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (listener: () => void) => {
      const media = matchMedia(query);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches);
}

/** From here on the panes stand side by side; also in shell/Shell.module.css. */
export const WIDE = "(min-width: 45rem)";
/** From here on there is room for the details beside the chat. */
export const ROOMY = "(min-width: 70rem)";
