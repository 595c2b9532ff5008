import { useId } from "react";
import { classes } from "../../components/common/classes";
import styles from "./ChoiceGroup.module.css";

/** One of a few things. */
export interface Choice<Value extends string> {
  readonly value: Value;
  readonly label: string;
  /** If the label is in another language than the page. */
  readonly lang?: string;
}

export interface ChoiceGroupProps<Value extends string> {
  readonly label: string;
  readonly hint?: string;
  /** For screen readers only, where the choices speak for themselves. */
  readonly hidesLabel?: boolean;
  readonly value: Value;
  readonly choices: readonly Choice<Value>[];
  readonly onChoose: (value: Value) => void;
  readonly disabled?: boolean;
}

/** Radio buttons that stand in a row. */
export function ChoiceGroup<Value extends string>(props: ChoiceGroupProps<Value>) {
  const id = useId();
  const { label, hint, hidesLabel = false, value, choices, onChoose, disabled = false } = props;
  return (
    <fieldset className={styles.group} disabled={disabled} aria-describedby={hint ? `${id}-hint` : undefined}>
      <legend className={classes(styles.legend, hidesLabel && styles.hidden)}>{label}</legend>
      {hint ? (
        <p id={`${id}-hint`} className={styles.hint}>
          {hint}
        </p>
      ) : null}
      <div className={styles.choices}>
        {choices.map((choice) => (
          <label key={choice.value} className={styles.choice} lang={choice.lang}>
            <input
              type="radio"
              className={styles.input}
              name={id}
              value={choice.value}
              checked={choice.value === value}
              onChange={() => onChoose(choice.value)}
            />
            {choice.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
