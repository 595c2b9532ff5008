import { useI18n } from "../../i18n";
import type { Participant, Presence } from "../../types/generated/contract";
import { Avatar, useNow } from "../common";
import styles from "./ParticipantRow.module.css";

/** A participant and whether they are there. */
export interface ParticipantRowProps {
  readonly participant: Participant;
  /** undefined: not known. */
  readonly presence: Presence | undefined;
  readonly isMe: boolean;
  /** Their role in words, if it is worth one. */
  readonly role: string | undefined;
}

/** One of the participants of a thread. */
export function ParticipantRow({ participant, presence, isMe, role }: ParticipantRowProps) {
  const texts = useI18n().centre.details;
  const { display_name: name, avatar_url: url } = participant;
  return (
    <li className={styles.row}>
      <Avatar name={name} url={url} presence={isMe ? undefined : presence?.state} />
      <div className={styles.words}>
        <p className={styles.name}>
          <span className={styles.text}>{name}</span>
          {isMe ? <span className={styles.mark}>{texts.you}</span> : null}
          {role ? <span className={styles.mark}>{role}</span> : null}
        </p>
        {isMe ? null : <PresenceLine presence={presence} />}
      </div>
    </li>
  );
}

/** For someone who is away: when they were last seen; the dot beside it has the word for the state. */
function PresenceLine({ presence }: Pick<ParticipantRowProps, "presence">) {
  const { centre, formats } = useI18n();
  const now = useNow();
  const state = presence?.state;
  if (!presence || !state) return null;
  if (state !== "offline")
    return (
      <p className={styles.presence} data-state={state} aria-hidden="true">
        {centre.common.presence[state]}
      </p>
    );
  const seen = presence.last_seen;
  return (
    <p className={styles.presence} title={seen ? formats.full(seen) : undefined}>
      {seen ? centre.details.lastSeen(formats.ago(seen, now)) : centre.details.neverSeen}
    </p>
  );
}
