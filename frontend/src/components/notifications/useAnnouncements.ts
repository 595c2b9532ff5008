import { useCallback, useEffect, useState } from "react";
import type { Notification } from "../../types/generated/contract";

const KEPT_MS = 1_000;

/** What a status region says: arrivals, for a second, so that nobody comes upon them when reading on. */
export function useAnnouncements() {
  const [said, setSaid] = useState<readonly Notification[]>([]);
  useEffect(() => {
    if (said.length === 0) return;
    const timer = setTimeout(setSaid, KEPT_MS, []);
    return () => clearTimeout(timer);
  }, [said]);
  const announce = useCallback((arrival: Notification) => {
    // An urgent one is an alert, which announces itself.
    if (arrival.priority !== "urgent") setSaid((others) => [...others, arrival]);
  }, []);
  return { said, announce };
}
