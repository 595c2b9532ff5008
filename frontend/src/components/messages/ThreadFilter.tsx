import { Search, X } from "lucide-react";
import { type KeyboardEvent, useRef } from "react";
import { useI18n } from "../../i18n";
import styles from "./ThreadFilter.module.css";

/** The words that the inbox is filtered by. */
export interface ThreadFilterProps {
  readonly query: string;
  readonly onChange: (query: string) => void;
  /** Arrow down: on to the list. */
  readonly onLeave: () => void;
}

/** The search field over the inbox. Esc empties it, arrow down goes to the list. */
export function ThreadFilter({ query, onChange, onLeave }: ThreadFilterProps) {
  const { chat } = useI18n();
  const input = useRef<HTMLInputElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      onLeave();
    } else if (event.key === "Escape" && query) {
      event.preventDefault();
      event.stopPropagation();
      onChange("");
    }
  };
  const clear = () => {
    onChange("");
    input.current?.focus();
  };
  return (
    <div className={styles.filter}>
      <Search className={styles.icon} aria-hidden="true" />
      <input
        ref={input}
        className={styles.input}
        type="search"
        value={query}
        aria-label={chat.inbox.filter}
        placeholder={chat.inbox.filter}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {query && (
        <button type="button" className={styles.clear} aria-label={chat.inbox.clearFilter} onClick={clear}>
          <X aria-hidden="true" />
        </button>
      )}
    </div>
  );
}
