import { useCallback, useState } from "react";

/** Whether the last thing tried went wrong, and how to try one. */
export interface Attempts {
  readonly failed: boolean;
  /** Never rejects. */
  attempt(work: Promise<unknown>): Promise<void>;
}

/** Remembers a failure until the next try. */
export function useAttempts(): Attempts {
  const [failed, setFailed] = useState(false);
  const attempt = useCallback(async (work: Promise<unknown>) => {
    setFailed(false);
    try {
      await work;
    } catch {
      setFailed(true);
    }
  }, []);
  return { failed, attempt };
}
