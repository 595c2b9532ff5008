import { Failure } from "../services/failure";

const RETRIES = 2;

/**
 * How our queries differ from Query's defaults: the socket keeps data fresh, so it never goes stale by age; whether we
 * are connected is known better than by `navigator.onLine`; and data is the store's own snapshot, never a copy.
 */
export const queryDefaults = {
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: 10 * 60_000,
  networkMode: "always",
  refetchOnWindowFocus: false,
  refetchOnReconnect: false,
  structuralSharing: false,
  retry: (failures: number, error: unknown) =>
    failures < RETRIES && error instanceof Failure && error.retryable && error.code !== "offline",
} as const;
