import { CircleAlert } from "lucide-react";
import { useId } from "react";
import { useI18n } from "../../i18n";
import { Button, Spinner } from "../common";
import styles from "./ConversationFooter.module.css";
import { type ConversationDraft, isGroup, missing } from "./conversationDraft";

/** The draft, and how creating it goes. */
export interface ConversationFooterProps {
  readonly draft: ConversationDraft;
  readonly isCreating: boolean;
  /** Why it was not created, in words. */
  readonly failure: string | null;
  readonly onCancel: () => void;
}

/** The buttons of the dialog: the one that creates says what it still needs. */
export function ConversationFooter({ draft, isCreating, failure, onCancel }: ConversationFooterProps) {
  const texts = useI18n().centre.people;
  const lacks = missing(draft);
  const reasonId = useId();
  return (
    <div className={styles.footer}>
      {failure === null ? null : (
        <p role="alert" className={styles.failure}>
          <CircleAlert aria-hidden="true" />
          <span>
            <strong>{texts.createFailed}.</strong> {failure}
          </span>
        </p>
      )}
      <p id={reasonId} className={styles.reason}>
        {lacks === null ? null : texts.missing[lacks]}
      </p>
      <div className={styles.buttons}>
        <Button onClick={onCancel}>{texts.cancel}</Button>
        <Button
          type="submit"
          variant="primary"
          aria-disabled={lacks !== null || isCreating}
          aria-describedby={lacks === null ? undefined : reasonId}
        >
          {isCreating ? <Spinner label={texts.creating} /> : null}
          {isGroup(draft) ? texts.createGroup : texts.createDirect}
        </Button>
      </div>
    </div>
  );
}
