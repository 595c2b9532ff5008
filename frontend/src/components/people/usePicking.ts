import { type KeyboardEvent, useState } from "react";
import type { User } from "../../types/generated/contract";

/** What the keys of the search field act upon. */
export interface PickingOptions {
  readonly people: readonly User[];
  readonly chosen: readonly User[];
  readonly query: string;
  /** What is shown does not answer the query yet. */
  readonly isLoading: boolean;
  readonly onToggle: (person: User) => void;
  /** The last person is passed. */
  readonly onEnd: () => void;
}

/**
 * The keys of a combobox whose list stays open: arrows move, Enter chooses, Backspace in the empty field takes the last
 * one back. Focus stays in the field; `active` is the person that the arrows are at, at first the best match if there is a
 * query.
 */
export function usePicking({ people, chosen, query, isLoading, onToggle, onEnd }: PickingOptions) {
  const [activeId, setActiveId] = useState<User["id"] | null>(null);
  const moved = people.findIndex((person) => person.id === activeId);
  const index = moved < 0 && query.trim() !== "" && !isLoading ? 0 : moved;
  const active = people[index] ?? null;

  function moveTo(next: number) {
    if (next >= people.length) onEnd();
    setActiveId(people[Math.max(0, Math.min(next, people.length - 1))]?.id ?? null);
  }
  function onKeyDown(event: KeyboardEvent) {
    if (event.nativeEvent.isComposing) return;
    const last = chosen.at(-1);
    if (event.key === "ArrowDown") moveTo(index + 1);
    else if (event.key === "ArrowUp") moveTo(index < 0 ? people.length - 1 : index - 1);
    else if (event.key === "PageDown") moveTo(index + 5);
    else if (event.key === "PageUp") moveTo(index - 5);
    else if (event.key === "Enter" && active) onToggle(active);
    else if (event.key === "Backspace" && query === "" && last) onToggle(last);
    else return;
    event.preventDefault();
  }
  return { active, onKeyDown, activate: (person: User | null) => setActiveId(person?.id ?? null) };
}
