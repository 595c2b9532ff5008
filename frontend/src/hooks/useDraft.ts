import { useCallback, useState } from "react";
import type { Drafts } from "../services/types";
import type { UserId } from "../types/generated/contract";
import { useRealtimeClient } from "./context";
import { useMe } from "./useMe";

interface Shown {
  readonly drafts: Drafts;
  readonly me: UserId | null;
  readonly threadId: string;
  readonly text: string;
}

/** The draft of another thread or person. What was typed before it was known who we are stays. */
function reread(shown: Shown, next: Omit<Shown, "text">): Shown {
  const isSame = shown.threadId === next.threadId && shown.drafts === next.drafts;
  const typed = isSame && shown.me === null ? shown.text : "";
  return { ...next, text: typed || next.drafts.get(next.threadId) };
}

/** What was begun and not yet sent in a thread; kept on this device. */
export function useDraft(threadId: string): readonly [draft: string, setDraft: (text: string) => void] {
  const { drafts } = useRealtimeClient();
  const me = useMe();
  const [shown, show] = useState<Shown>(() => ({ drafts, me, threadId, text: drafts.get(threadId) }));
  let draft = shown;
  if (shown.threadId !== threadId || shown.drafts !== drafts || shown.me !== me) {
    draft = reread(shown, { drafts, me, threadId });
    show(draft);
  }
  const setDraft = useCallback(
    (text: string) => {
      drafts.set(threadId, text);
      show({ drafts, me, threadId, text });
    },
    [drafts, me, threadId],
  );
  return [draft.text, setDraft];
}
