import { ChevronRight, FileText, House, KeyRound, type LucideIcon, Tag } from "lucide-react";
import { useState } from "react";
import { useI18n } from "../../i18n";
import type { Subject } from "../../types/generated/contract";
import { safeLink, VisuallyHidden } from "../common";
import styles from "./SubjectCard.module.css";

const ICONS: Readonly<Record<string, LucideIcon>> = { property: House, contract: FileText, visit: KeyRound };

/** What a thread is about, in one line under its header; a link where the subject has a safe address. */
export function SubjectCard({ subject }: { readonly subject: Subject }) {
  const { chat } = useI18n();
  const href = safeLink(subject.url);
  const body = (
    <>
      <SubjectPicture key={subject.image_url} subject={subject} />
      <span className={styles.words}>
        <span className={styles.type}>
          <VisuallyHidden>{chat.subject.about}: </VisuallyHidden>
          {chat.subject.type(subject.type)}
        </span>
        <span className={styles.title}>{subject.title}</span>
      </span>
    </>
  );
  if (!href) return <div className={styles.card}>{body}</div>;
  return (
    <a className={styles.card} href={href} target="_blank" rel="noopener noreferrer">
      {body}
      <ChevronRight className={styles.more} aria-hidden="true" />
      <VisuallyHidden>({chat.message.opensInNewTab})</VisuallyHidden>
    </a>
  );
}

function SubjectPicture({ subject }: { readonly subject: Subject }) {
  const [failed, setFailed] = useState(false);
  const src = safeLink(subject.image_url);
  const Icon = ICONS[subject.type] ?? Tag;
  return (
    <span className={styles.picture}>
      {src && !failed ? (
        <img src={src} alt="" decoding="async" referrerPolicy="no-referrer" onError={() => setFailed(true)} />
      ) : (
        <Icon aria-hidden="true" />
      )}
    </span>
  );
}
