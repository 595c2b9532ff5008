import type { RefObject } from "react";
import { useI18n } from "../../i18n";
import type { User } from "../../types/generated/contract";
import { ConversationFooter, type ConversationFooterProps } from "./ConversationFooter";
import { type ConversationDraft, isGroup, LIMITS, missing, toggled } from "./conversationDraft";
import { Field } from "./Field";
import styles from "./NewConversationForm.module.css";
import { PeoplePicker, type PeoplePickerProps } from "./PeoplePicker";
import { SubjectFields } from "./SubjectFields";

/** The draft of a conversation, the search for people, and what came of it. */
export interface NewConversationFormProps extends ConversationFooterProps {
  readonly search: Pick<PeoplePickerProps, "page" | "presence" | "query" | "onQueryChange">;
  readonly searchRef?: RefObject<HTMLInputElement | null>;
  readonly onDraftChange: (draft: ConversationDraft) => void;
  readonly onSubmit: () => void;
}

/** Whom to write to; for a group its name; and what it is about. */
export function NewConversationForm(props: NewConversationFormProps) {
  const { search, searchRef, draft, onDraftChange, onSubmit, ...footer } = props;
  const toggle = (person: User) => onDraftChange({ ...draft, people: toggled(draft.people, person) });
  return (
    <form
      className={styles.form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (missing(draft) === null) onSubmit();
      }}
    >
      <div className={styles.scroll}>
        <PeoplePicker {...search} inputRef={searchRef} chosen={draft.people} onToggle={toggle} />
        <div className={styles.more}>
          <GroupTitle draft={draft} onDraftChange={onDraftChange} />
          <SubjectFields subject={draft.subject} onChange={(subject) => onDraftChange({ ...draft, subject })} />
        </div>
      </div>
      <ConversationFooter {...footer} draft={draft} />
    </form>
  );
}

function GroupTitle({ draft, onDraftChange }: Pick<NewConversationFormProps, "draft" | "onDraftChange">) {
  const texts = useI18n().centre.people;
  if (!isGroup(draft)) return null;
  return (
    <Field
      label={texts.groupTitle}
      placeholder={texts.groupTitleHint}
      value={draft.title}
      maxLength={LIMITS.title}
      required
      onChange={(title) => onDraftChange({ ...draft, title })}
    />
  );
}
