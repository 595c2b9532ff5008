import { useCallback, useState } from "react";
import type { CreateThreadRequest, Thread } from "../../types/generated/contract";
import { type ConversationDraft, EMPTY_DRAFT, toRequest } from "./conversationDraft";

/** A conversation that is being put together, and how creating it goes. */
export interface ConversationDraftState {
  readonly draft: ConversationDraft;
  readonly isCreating: boolean;
  /** Why it was not created, in words. */
  readonly failure: string | null;
  change(draft: ConversationDraft): void;
  submit(): Promise<void>;
}

/** Keeps a draft, and creates it once however often it is submitted. */
export function useConversationDraft(
  create: (request: CreateThreadRequest) => Promise<Thread>,
  onCreated: (thread: Thread) => void,
): ConversationDraftState {
  const [draft, setDraft] = useState(EMPTY_DRAFT);
  const [isCreating, setCreating] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const change = useCallback((next: ConversationDraft) => {
    setDraft(next);
    setFailure(null);
  }, []);
  async function submit() {
    if (isCreating) return;
    setCreating(true);
    setFailure(null);
    try {
      onCreated(await create(toRequest(draft)));
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
    } finally {
      setCreating(false);
    }
  }
  return { draft, isCreating, failure, change, submit };
}
