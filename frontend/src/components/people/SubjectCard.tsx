import { ExternalLink } from "lucide-react";
import { useState } from "react";
import { useI18n } from "../../i18n";
import type { Subject } from "../../types/generated/contract";
import { safeLink, VisuallyHidden } from "../common";
import { isSubjectType } from "./conversationDraft";
import styles from "./SubjectCard.module.css";
import { SubjectIcon } from "./SubjectIcon";

/** What a thread is about. */
export interface SubjectCardProps {
  readonly subject: Subject;
}

/** The subject in full: picture, kind, title, reference, and the way to its page. */
export function SubjectCard({ subject }: SubjectCardProps) {
  const { details, people } = useI18n().centre;
  const url = safeLink(subject.url);
  const image = safeLink(subject.image_url);
  return (
    <article className={styles.card}>
      {image ? <SubjectImage key={image} url={image} /> : null}
      <div className={styles.body}>
        <span className={styles.icon}>
          <SubjectIcon type={subject.type} />
        </span>
        <div className={styles.words}>
          <p className={styles.type}>
            {isSubjectType(subject.type) ? people.subjectTypes[subject.type] : subject.type}
          </p>
          <p className={styles.title}>{subject.title}</p>
          <p className={styles.reference}>
            {details.reference}: <span className={styles.id}>{subject.id}</span>
          </p>
        </div>
      </div>
      {url ? (
        <a className={styles.link} href={url} target="_blank" rel="noopener noreferrer">
          {details.openSubject} <VisuallyHidden>{details.newTab}</VisuallyHidden>
          <ExternalLink />
        </a>
      ) : null}
    </article>
  );
}

/** Decoration: the title says what it shows. Gone if it does not load. */
function SubjectImage({ url }: { readonly url: string }) {
  const [failed, setFailed] = useState(false);
  if (failed) return null;
  return (
    <img
      className={styles.image}
      src={url}
      alt=""
      decoding="async"
      referrerPolicy="no-referrer"
      onError={() => setFailed(true)}
    />
  );
}
