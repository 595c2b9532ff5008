import { useI18n } from "../../i18n";
import type { Presence, Thread, UserId } from "../../types/generated/contract";
import { Skeleton, VisuallyHidden } from "../common";
import { ParticipantRow } from "./ParticipantRow";
import { SubjectCard } from "./SubjectCard";
import styles from "./ThreadDetailsView.module.css";

/** A thread and the presence of its participants, without a client. */
export interface ThreadDetailsViewProps {
  readonly thread: Thread;
  /** By `String(user_id)`. */
  readonly presence: ReadonlyMap<string, Presence>;
  readonly me: UserId | null;
}

/** The pane of details: subject, facts, participants. */
export function ThreadDetailsView({ thread, presence, me }: ThreadDetailsViewProps) {
  const texts = useI18n().centre.details;
  const isGroup = thread.kind === "group";
  const others = thread.participant_count - thread.participants.length;
  return (
    <div className={styles.details}>
      {thread.subject ? (
        <section className={styles.section}>
          <h3 className={styles.heading}>{texts.about}</h3>
          <SubjectCard subject={thread.subject} />
        </section>
      ) : null}
      <section className={styles.section}>
        <h3 className={styles.heading}>{texts.participants(thread.participant_count)}</h3>
        <ul className={styles.people}>
          {thread.participants.map((participant) => (
            <ParticipantRow
              key={participant.user_id}
              participant={participant}
              presence={presence.get(String(participant.user_id))}
              isMe={participant.user_id === me}
              role={isGroup ? texts.roles[participant.role] : undefined}
            />
          ))}
        </ul>
        {others > 0 ? <p className={styles.more}>{texts.more(others)}</p> : null}
      </section>
      <Facts thread={thread} />
    </div>
  );
}

function Facts({ thread }: { readonly thread: Thread }) {
  const { centre, formats } = useI18n();
  const texts = centre.details;
  const creator = thread.participants.find((participant) => participant.user_id === thread.created_by);
  return (
    <dl className={styles.facts}>
      {thread.title ? (
        <div>
          <dt>{texts.name}</dt>
          <dd>{thread.title}</dd>
        </div>
      ) : null}
      <div>
        <dt>{texts.kind}</dt>
        <dd>{thread.kind === "group" ? texts.kinds.group : texts.kinds.direct}</dd>
      </div>
      <div>
        <dt>{texts.created}</dt>
        <dd>
          <time dateTime={thread.created_at} title={formats.full(thread.created_at)}>
            {formats.day(thread.created_at)}
          </time>
          {creator ? ` ${texts.createdBy(creator.display_name)}` : null}
        </dd>
      </div>
    </dl>
  );
}

/** Stands in for the details while they are on their way. */
export function DetailsPlaceholder() {
  const texts = useI18n().centre.details;
  return (
    <div role="status" className={styles.placeholder}>
      <VisuallyHidden>{texts.loading}</VisuallyHidden>
      <Skeleton lines={3} />
      <Skeleton lines={4} />
    </div>
  );
}
