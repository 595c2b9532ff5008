import { SendHorizontal } from "lucide-react";
import { type KeyboardEvent, useEffect, useId, useRef } from "react";
import { useI18n } from "../../i18n";
import { classes, IconButton } from "../common";
import styles from "./Composer.module.css";
import { EmojiButton } from "./EmojiButton";
import { useAutoGrow } from "./useAutoGrow";
import { type ComposerTextOptions, LONGEST_MESSAGE, useComposerText, useInsert } from "./useComposerText";

/** From here on the rest is counted. */
const COUNTED_FROM = 3600;

/** Where a message is written. Give it a `key` per thread: it begins with `draft` and keeps its own text from then on. */
export interface ComposerProps extends ComposerTextOptions {
  /** Whom the message is for. */
  readonly name: string;
  readonly autoFocus?: boolean;
  /** Where the emoji data are served; see EmojiPicker. */
  readonly emojiUrl?: string;
}

/** Whether Enter belongs to the text: on a touch keyboard there is no Shift+Enter. */
function isTouchOnly(): boolean {
  return window.matchMedia?.("(hover: none) and (pointer: coarse)").matches ?? false;
}

/** Whether a key is Enter alone, and not one that chooses a word of an input method. */
function isSendKey(event: KeyboardEvent): boolean {
  if (event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return false;
  // Safari tells the Enter that ends a composition after its end, by this code alone.
  return !event.nativeEvent.isComposing && event.keyCode !== 229;
}

/** A textarea that grows, an emoji picker and a send button. Enter sends, Shift+Enter begins a line. */
export function Composer(props: ComposerProps) {
  const { name, autoFocus = false, emojiUrl, onStopTyping } = props;
  const { chat } = useI18n();
  const { text, length, change, canSend, send } = useComposerText(props);
  const textarea = useRef<HTMLTextAreaElement>(null);
  const counterId = useId();
  const isTooLong = length > LONGEST_MESSAGE;
  const insert = useInsert(textarea, text, change);
  useAutoGrow(textarea, text);

  useEffect(() => {
    if (autoFocus) textarea.current?.focus({ preventScroll: true });
  }, [autoFocus]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (!isSendKey(event) || isTouchOnly()) return;
    event.preventDefault();
    send();
  };

  return (
    <form
      className={styles.composer}
      onSubmit={(event) => {
        event.preventDefault();
        send();
        textarea.current?.focus();
      }}
    >
      <div className={classes(styles.field, isTooLong && styles.invalid)}>
        <EmojiButton onPick={insert} returnFocusTo={textarea} {...(emojiUrl ? { emojiUrl } : {})} />
        <textarea
          ref={textarea}
          className={styles.text}
          rows={1}
          dir="auto"
          value={text}
          aria-label={chat.composer.label(name)}
          aria-invalid={isTooLong || undefined}
          aria-describedby={length >= COUNTED_FROM ? counterId : undefined}
          placeholder={chat.composer.placeholder}
          enterKeyHint={isTouchOnly() ? "enter" : "send"}
          onChange={(event) => change(event.target.value)}
          onKeyDown={onKeyDown}
          onBlur={() => onStopTyping?.()}
        />
        <SendButton canSend={canSend} />
      </div>
      <Counter id={counterId} length={length} />
    </form>
  );
}

function SendButton({ canSend }: { readonly canSend: boolean }) {
  const { chat } = useI18n();
  return (
    <IconButton
      type="submit"
      className={styles.send}
      label={chat.composer.send}
      icon={<SendHorizontal />}
      tooltipSide="top"
      aria-disabled={!canSend}
      // Keeps the keyboard of a phone open.
      onPointerDown={(event) => event.preventDefault()}
    />
  );
}

/** How much may still be written; an error once it is too much. */
function Counter({ id, length }: { readonly id: string; readonly length: number }) {
  const { chat } = useI18n();
  const over = length - LONGEST_MESSAGE;
  if (length < COUNTED_FROM) return null;
  return (
    <p id={id} className={styles.counter} data-over={over > 0 || undefined} role={over > 0 ? "alert" : undefined}>
      {over > 0 ? chat.composer.tooLong(over) : chat.composer.remaining(-over)}
    </p>
  );
}
