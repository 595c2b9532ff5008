/** How long to wait between attempts, in milliseconds. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

export const BACKOFF: Backoff = { firstMs: 1_000, longestMs: 30_000 };

/**
 * How long to wait after the n-th failure in a row (from 1): twice as long each time, up to the longest, and anywhere
 * between half and the whole of that, so that a server's clients do not all come back at once.
 */
export function delayAfter(failures: number, backoff: Backoff, random: () => number = Math.random): number {
  const whole = Math.min(backoff.longestMs, backoff.firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(whole / 2 + (whole / 2) * random());
}
