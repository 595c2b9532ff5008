import { useCallback } from "react";
import type { TypingState, TypingUser } from "../services/types";
import { useRealtimeClient } from "./context";
import { sameItems, useSelection } from "./useStore";

/** Who types now in the joined threads, or in one of them. */
export function useTypingUsers(threadId?: string): readonly TypingUser[] {
  const select = useCallback(
    ({ users }: TypingState) => (threadId === undefined ? users : users.filter((user) => user.threadId === threadId)),
    [threadId],
  );
  return useSelection(useRealtimeClient().typing, select, sameItems);
}
