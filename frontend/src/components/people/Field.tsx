import { type ComponentPropsWithoutRef, useId } from "react";
import styles from "./Field.module.css";

/** A text input's properties, with its name and what to write. */
export interface FieldProps extends Omit<ComponentPropsWithoutRef<"input">, "onChange" | "id"> {
  readonly label: string;
  readonly hint?: string;
  readonly onChange: (text: string) => void;
}

/** A labelled text input. */
export function Field({ label, hint, onChange, ...props }: FieldProps) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label className={styles.label} htmlFor={id}>
        {label}
      </label>
      <input
        type="text"
        autoComplete="off"
        {...props}
        id={id}
        className={styles.input}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
      {hint ? (
        <span className={styles.hint} id={`${id}-hint`}>
          {hint}
        </span>
      ) : null}
    </div>
  );
}
