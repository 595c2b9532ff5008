import type { RealtimeClient } from "../services/types";

const open = new WeakMap<RealtimeClient, Map<string, number>>();

/** Notes that a thread is shown somewhere in the page. Returns how to say that it no longer is. */
export function noteOpen(client: RealtimeClient, threadId: string): () => void {
  const counts = open.get(client) ?? new Map<string, number>();
  open.set(client, counts);
  counts.set(threadId, (counts.get(threadId) ?? 0) + 1);
  return () => {
    const left = (counts.get(threadId) ?? 1) - 1;
    if (left > 0) counts.set(threadId, left);
    else counts.delete(threadId);
  };
}

/** Whether a thread is shown somewhere in the page. */
export function isOpen(client: RealtimeClient, threadId: string): boolean {
  return open.get(client)?.has(threadId) ?? false;
}
