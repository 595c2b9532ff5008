import { SearchX, Users } from "lucide-react";
import { useI18n } from "../../i18n";
import type { User } from "../../types/generated/contract";
import { EmptyState, ErrorState, LoadMore, Skeleton, VisuallyHidden } from "../common";
import styles from "./PeopleList.module.css";
import type { PeoplePickerProps } from "./PeoplePicker";
import { PersonOption } from "./PersonOption";

/** The part of a picker below its field. */
export interface PeopleListProps
  extends Pick<PeoplePickerProps, "page" | "presence" | "query" | "chosen" | "onToggle"> {
  /** The picker's; ids of the list and the options begin with it. */
  readonly id: string;
  readonly active: User | null;
}

/** The people found, or why there are none. */
export function PeopleList(props: PeopleListProps) {
  const { page, query } = props;
  const texts = useI18n().centre.people;
  const nobody = page.people.length === 0;
  return (
    <div className={styles.results} aria-busy={page.isLoading}>
      <SearchStatus page={page} />
      {nobody && page.isLoading ? <LoadingPeople /> : null}
      {nobody && page.error && !page.isLoading ? (
        <ErrorState title={texts.errorTitle} message={page.error.message} onRetry={page.reload} />
      ) : null}
      {nobody && !page.error && !page.isLoading ? (
        query.trim() ? (
          <EmptyState icon={<SearchX />} title={texts.nobody} hint={texts.nobodyHint} />
        ) : (
          <EmptyState icon={<Users />} title={texts.nobodyYet} hint={texts.nobodyYetHint} />
        )
      ) : null}
      {nobody ? null : <Options {...props} />}
    </div>
  );
}

/** Tells screen readers how the search goes. */
function SearchStatus({ page }: Pick<PeopleListProps, "page">) {
  const texts = useI18n().centre.people;
  const found = page.people.length === 0 ? texts.nobody : texts.found(page.people.length);
  return (
    <div role="status">
      <VisuallyHidden>{page.isLoading ? texts.loading : page.error ? "" : found}</VisuallyHidden>
    </div>
  );
}

function Options({ id, page, presence, chosen, active, onToggle }: PeopleListProps) {
  const texts = useI18n().centre.people;
  const chosenIds = new Set(chosen.map((person) => person.id));
  return (
    <>
      <div
        role="listbox"
        id={`${id}-list`}
        className={styles.list}
        aria-label={texts.results}
        aria-multiselectable="true"
        tabIndex={-1}
      >
        {page.people.map((person) => (
          <PersonOption
            key={person.id}
            pickerId={id}
            person={person}
            presence={presence.get(String(person.id))}
            selected={chosenIds.has(person.id)}
            active={active?.id === person.id}
            onToggle={onToggle}
          />
        ))}
      </div>
      {page.hasMore ? (
        <LoadMore
          isLoading={page.isLoadingMore}
          failed={page.error !== null}
          onLoad={page.loadMore}
          label={texts.loadMore}
          loadingLabel={texts.loading}
        />
      ) : null}
    </>
  );
}

function LoadingPeople() {
  return (
    <div className={styles.loading}>
      {["first", "second", "third", "fourth"].map((row) => (
        <div key={row} className={styles.placeholder}>
          <span className={styles.disc} />
          <Skeleton lines={2} />
        </div>
      ))}
    </div>
  );
}
