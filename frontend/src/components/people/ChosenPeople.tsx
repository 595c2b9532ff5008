import { X } from "lucide-react";
import { useI18n } from "../../i18n";
import type { User } from "../../types/generated/contract";
import { Avatar, VisuallyHidden } from "../common";
import styles from "./ChosenPeople.module.css";

/** Who is chosen. */
export interface ChosenPeopleProps {
  readonly people: readonly User[];
  readonly onRemove: (person: User) => void;
}

/** The chosen people as chips, each of which takes itself back. */
export function ChosenPeople({ people, onRemove }: ChosenPeopleProps) {
  const texts = useI18n().centre.people;
  if (people.length === 0) return null;
  return (
    <ul className={styles.chips} aria-label={texts.chosen}>
      {people.map((person) => (
        <li key={person.id}>
          <button type="button" className={styles.chip} onClick={() => onRemove(person)}>
            <VisuallyHidden>{texts.remove(person.display_name)}</VisuallyHidden>
            <Avatar name={person.display_name} url={person.avatar_url} size="small" />
            <span className={styles.name} aria-hidden="true">
              {person.display_name}
            </span>
            <X aria-hidden="true" />
          </button>
        </li>
      ))}
    </ul>
  );
}
