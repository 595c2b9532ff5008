import { useCallback, useEffect, useRef, useState } from "react";
import type { ChatMessage } from "../../services/types";

export interface ReadReceiptsOptions {
  /** Whether the person has the window before them, and the server can be told. */
  readonly isAttentive: boolean;
  readonly unreadCount: number;
  readonly markRead: (messageId: string) => unknown;
}

/**
 * Reads up to the newest message that was in sight while the person was attentive. Give what it returns to the history,
 * as its `onSeen`.
 */
export function useReadReceipts({ isAttentive, unreadCount, markRead }: ReadReceiptsOptions) {
  const [seen, setSeen] = useState<ChatMessage | null>(null);
  const readSeq = useRef(0);
  const onSeen = useCallback((message: ChatMessage) => {
    setSeen((before) => ((message.seq ?? 0) > (before?.seq ?? 0) ? message : before));
  }, []);

  useEffect(() => {
    // What failed while the connection broke is told again after it.
    if (!isAttentive) readSeq.current = 0;
    const seq = seen?.seq ?? 0;
    if (!seen || !isAttentive || unreadCount === 0 || seq <= readSeq.current) return;
    readSeq.current = seq;
    markRead(seen.id);
  }, [seen, isAttentive, unreadCount, markRead]);
  return onSeen;
}
