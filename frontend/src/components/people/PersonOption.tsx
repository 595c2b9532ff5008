import { Check } from "lucide-react";
import { useEffect, useRef } from "react";
import { useI18n } from "../../i18n";
import type { Presence, User } from "../../types/generated/contract";
import { Avatar } from "../common";
import { optionId } from "./PeoplePicker";
import styles from "./PersonOption.module.css";

/** A person who can be chosen. */
export interface PersonOptionProps {
  readonly pickerId: string;
  readonly person: User;
  readonly presence: Presence | undefined;
  readonly selected: boolean;
  /** The arrows of the search field are here. */
  readonly active: boolean;
  readonly onToggle: (person: User) => void;
}

/** An option of the people list. The search field has its keys and keeps the focus. */
export function PersonOption({ pickerId, person, presence, selected, active, onToggle }: PersonOptionProps) {
  const { centre } = useI18n();
  const state = presence?.state;
  const option = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (active) option.current?.scrollIntoView({ block: "nearest" });
  }, [active]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox, which keeps the focus, has the keys
    <div
      ref={option}
      role="option"
      id={optionId(pickerId, person)}
      className={styles.option}
      aria-selected={selected}
      data-active={active || undefined}
      tabIndex={-1}
      onMouseDown={(event) => event.preventDefault()}
      onClick={() => onToggle(person)}
    >
      <Avatar name={person.display_name} url={person.avatar_url} presence={state} />
      <span className={styles.words}>
        <span className={styles.name}>{person.display_name}</span>
        {state ? (
          <span className={styles.presence} aria-hidden="true">
            {centre.common.presence[state]}
          </span>
        ) : null}
      </span>
      <span className={styles.tick} aria-hidden="true">
        {selected ? <Check /> : null}
      </span>
    </div>
  );
}
