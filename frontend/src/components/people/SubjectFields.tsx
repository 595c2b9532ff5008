import { ChevronDown } from "lucide-react";
import { useEffect, useId, useRef } from "react";
import { useI18n } from "../../i18n";
import { EMPTY_SUBJECT, LIMITS, SUBJECT_TYPES, type SubjectDraft } from "./conversationDraft";
import { Field } from "./Field";
import styles from "./SubjectFields.module.css";
import { SubjectIcon } from "./SubjectIcon";

/** What the conversation is about; null while the section is closed. */
export interface SubjectFieldsProps {
  readonly subject: SubjectDraft | null;
  readonly onChange: (subject: SubjectDraft | null) => void;
}

/** A section that is closed at first: opening it says that the conversation is about something. */
export function SubjectFields({ subject, onChange }: SubjectFieldsProps) {
  const texts = useI18n().centre.people;
  const id = useId();
  return (
    <div className={styles.section}>
      <button
        type="button"
        className={styles.toggle}
        aria-expanded={subject !== null}
        aria-controls={subject ? id : undefined}
        onClick={() => onChange(subject ? null : EMPTY_SUBJECT)}
      >
        <span className={styles.words}>
          <span className={styles.label}>
            {texts.about} <span className={styles.optional}>({texts.optional})</span>
          </span>
          <span className={styles.hint}>{texts.aboutHint}</span>
        </span>
        <ChevronDown aria-hidden="true" />
      </button>
      {subject ? <Inputs id={id} subject={subject} onChange={onChange} /> : null}
    </div>
  );
}

interface InputsProps {
  readonly id: string;
  readonly subject: SubjectDraft;
  readonly onChange: (subject: SubjectDraft) => void;
}

function Inputs({ id, subject, onChange }: InputsProps) {
  const texts = useI18n().centre.people;
  const section = useRef<HTMLDivElement>(null);
  useEffect(() => section.current?.scrollIntoView({ block: "nearest" }), []);
  return (
    <div ref={section} id={id} className={styles.inputs}>
      <fieldset className={styles.types}>
        <legend className={styles.legend}>{texts.subjectType}</legend>
        {SUBJECT_TYPES.map((type) => (
          <label key={type} className={styles.type}>
            <input
              type="radio"
              className={styles.radio}
              name={id}
              checked={subject.type === type}
              onChange={() => onChange({ ...subject, type })}
            />
            <SubjectIcon type={type} />
            {texts.subjectTypes[type]}
          </label>
        ))}
      </fieldset>
      <Field
        label={texts.subjectTitle}
        placeholder={texts.subjectTitleExample}
        value={subject.title}
        maxLength={LIMITS.title}
        onChange={(title) => onChange({ ...subject, title })}
      />
      <Field
        label={texts.subjectId}
        hint={texts.subjectIdHint}
        value={subject.id}
        maxLength={LIMITS.subjectId}
        onChange={(reference) => onChange({ ...subject, id: reference })}
      />
    </div>
  );
}
