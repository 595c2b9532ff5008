import type { PeopleTexts, SubjectType } from "../../i18n/centreTexts";
import type { CreateThreadRequest, User } from "../../types/generated/contract";

/** What a conversation is about, as typed. */
export interface SubjectDraft {
  readonly type: SubjectType;
  readonly id: string;
  readonly title: string;
}

/** A conversation that is being put together. */
export interface ConversationDraft {
  readonly people: readonly User[];
  readonly title: string;
  /** null while the person says nothing of it. */
  readonly subject: SubjectDraft | null;
}

/** Nobody chosen yet. */
export const EMPTY_DRAFT: ConversationDraft = { people: [], title: "", subject: null };

/** The kinds of subject in the order of their radio buttons. */
export const SUBJECT_TYPES: readonly SubjectType[] = ["property", "contract", "visit"];

/** Whether a kind of subject is one that we have words for. */
export function isSubjectType(type: string): type is SubjectType {
  return SUBJECT_TYPES.some((known) => known === type);
}

/** A subject of which only the kind is chosen. */
export const EMPTY_SUBJECT: SubjectDraft = { type: "property", id: "", title: "" };

/** The server's limits, in characters. */
export const LIMITS = { query: 100, title: 200, subjectId: 100 } as const;

/** Several people make a group. */
export function isGroup(draft: ConversationDraft): boolean {
  return draft.people.length > 1;
}

/** The first thing that a conversation still needs, or null: it can be created. */
export function missing(draft: ConversationDraft): keyof PeopleTexts["missing"] | null {
  if (draft.people.length === 0) return "person";
  if (isGroup(draft) && draft.title.trim() === "") return "title";
  if (draft.subject && draft.subject.title.trim() === "") return "subjectTitle";
  if (draft.subject && draft.subject.id.trim() === "") return "subjectId";
  return null;
}

/** What to ask the server. */
export function toRequest(draft: ConversationDraft): CreateThreadRequest {
  const { people, title, subject } = draft;
  return {
    kind: isGroup(draft) ? "group" : "direct",
    participant_ids: people.map((person) => person.id),
    ...(isGroup(draft) ? { title: title.trim() } : {}),
    ...(subject ? { subject: { type: subject.type, id: subject.id.trim(), title: subject.title.trim() } } : {}),
  };
}

/** Chooses a person, or no longer. */
export function toggled(people: readonly User[], person: User): readonly User[] {
  const others = people.filter(({ id }) => id !== person.id);
  return others.length === people.length ? [...people, person] : others;
}
