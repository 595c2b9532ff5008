import { Search } from "lucide-react";
import { type RefObject, useId } from "react";
import { useI18n } from "../../i18n";
import type { RealtimeFailure } from "../../services/types";
import type { Presence, User } from "../../types/generated/contract";
import { VisuallyHidden } from "../common";
import { ChosenPeople } from "./ChosenPeople";
import { LIMITS } from "./conversationDraft";
import { PeopleList } from "./PeopleList";
import styles from "./PeoplePicker.module.css";
import { usePicking } from "./usePicking";

/** The people found, and how the search goes. */
export interface PeoplePage {
  readonly people: readonly User[];
  readonly isLoading: boolean;
  readonly error: RealtimeFailure | null;
  readonly hasMore: boolean;
  readonly isLoadingMore: boolean;
  loadMore(): void;
  reload(): void;
}

/** A search for people, and who is chosen. */
export interface PeoplePickerProps {
  readonly page: PeoplePage;
  /** By `String(user_id)`. */
  readonly presence: ReadonlyMap<string, Presence>;
  readonly query: string;
  readonly onQueryChange: (query: string) => void;
  readonly chosen: readonly User[];
  readonly onToggle: (person: User) => void;
  readonly inputRef?: RefObject<HTMLInputElement | null> | undefined;
}

/** A combobox over a list that stays open, in which several people can be chosen. */
export function PeoplePicker({ page, presence, query, onQueryChange, chosen, onToggle, inputRef }: PeoplePickerProps) {
  const texts = useI18n().centre.people;
  const id = useId();
  const toggle = (person: User) => {
    onToggle(person);
    if (query !== "") {
      picking.activate(null);
      onQueryChange("");
    }
    inputRef?.current?.focus();
  };
  const picking = usePicking({
    people: page.people,
    chosen,
    query,
    isLoading: page.isLoading,
    onToggle: toggle,
    onEnd: () => {
      if (page.hasMore && !page.isLoadingMore) page.loadMore();
    },
  });
  const hasList = page.people.length > 0;
  return (
    <div className={styles.picker}>
      <ChosenPeople people={chosen} onRemove={toggle} />
      <label className={styles.search}>
        <Search aria-hidden="true" />
        <VisuallyHidden>{texts.search}</VisuallyHidden>
        <input
          ref={inputRef}
          className={styles.input}
          type="text"
          role="combobox"
          aria-expanded={hasList}
          aria-controls={hasList ? `${id}-list` : undefined}
          aria-autocomplete="list"
          aria-activedescendant={picking.active ? optionId(id, picking.active) : undefined}
          autoComplete="off"
          spellCheck={false}
          enterKeyHint="search"
          maxLength={LIMITS.query}
          placeholder={texts.searchHint}
          value={query}
          onChange={(event) => {
            picking.activate(null);
            onQueryChange(event.currentTarget.value);
          }}
          onKeyDown={picking.onKeyDown}
        />
      </label>
      <PeopleList
        id={id}
        page={page}
        presence={presence}
        query={query}
        chosen={chosen}
        active={picking.active}
        onToggle={toggle}
      />
    </div>
  );
}

/** The DOM id of a person's option in the list of a picker. */
export function optionId(pickerId: string, person: User): string {
  return `${pickerId}-person-${encodeURIComponent(String(person.id))}`;
}
