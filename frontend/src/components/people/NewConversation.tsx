import { type RefObject, useRef, useState } from "react";
import { useMe, usePeople, usePresence, useThreads } from "../../hooks";
import { useI18n } from "../../i18n";
import { Modal } from "../common";
import { NewConversationForm } from "./NewConversationForm";
import { useConversationDraft } from "./useConversationDraft";

/** Whether the dialog is open, and what follows once there is a conversation. */
export interface NewConversationProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
  /** Of one person: the direct thread that there is already, if there is one about the same. */
  readonly onOpened: (threadId: string) => void;
}

/** The dialog that opens a conversation with one person or several. It begins anew each time. */
export function NewConversation({ open, onOpenChange, onOpened }: NewConversationProps) {
  const texts = useI18n().centre.people;
  const search = useRef<HTMLInputElement>(null);
  const close = () => onOpenChange(false);
  return (
    <Modal
      open={open}
      onOpenChange={onOpenChange}
      title={texts.title}
      description={texts.description}
      initialFocus={search}
    >
      <LiveForm
        searchRef={search}
        onCancel={close}
        onOpened={(threadId) => {
          close();
          onOpened(threadId);
        }}
      />
    </Modal>
  );
}

interface LiveFormProps {
  readonly searchRef: RefObject<HTMLInputElement | null>;
  readonly onCancel: () => void;
  readonly onOpened: (threadId: string) => void;
}

function LiveForm({ searchRef, onCancel, onOpened }: LiveFormProps) {
  const me = useMe();
  const [query, setQuery] = useState("");
  const found = usePeople(query);
  const people = found.people.filter((person) => person.id !== me);
  const presence = usePresence(people.map((person) => person.id));
  const { createThread } = useThreads();
  const { draft, isCreating, failure, change, submit } = useConversationDraft(createThread, (thread) =>
    onOpened(thread.id),
  );
  return (
    <NewConversationForm
      search={{ page: { ...found, people }, presence, query, onQueryChange: setQuery }}
      searchRef={searchRef}
      draft={draft}
      onDraftChange={change}
      onSubmit={() => void submit()}
      isCreating={isCreating}
      failure={failure}
      onCancel={onCancel}
    />
  );
}
