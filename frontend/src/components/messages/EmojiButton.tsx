import { Smile } from "lucide-react";
import { Component, lazy, type ReactNode, type RefObject, Suspense, useRef } from "react";
import { useI18n } from "../../i18n";
import { IconButton, Popover, Spinner, usePopover } from "../common";
import styles from "./EmojiButton.module.css";

// Costs nothing until the button is used for the first time.
const EmojiPicker = lazy(() => import("./EmojiPicker"));

/** What is done with an emoji, and where its picker gets and returns what it needs. */
export interface EmojiButtonProps {
  readonly onPick: (emoji: string) => void;
  readonly returnFocusTo: RefObject<HTMLElement | null>;
  readonly emojiUrl?: string;
}

/** Opens the emoji picker, which stays open for more than one. */
export function EmojiButton({ onPick, returnFocusTo, emojiUrl }: EmojiButtonProps) {
  const { chat } = useI18n();
  const { anchor, isOpen, close, trigger } = usePopover("dialog");
  const hasPicked = useRef(false);
  const pick = (emoji: string) => {
    hasPicked.current = true;
    onPick(emoji);
  };
  const returnFocus = () => {
    (hasPicked.current ? returnFocusTo : anchor).current?.focus();
    hasPicked.current = false;
  };
  return (
    <>
      <IconButton {...trigger} label={chat.composer.emoji} icon={<Smile />} tooltipSide="top" />
      {isOpen ? (
        <Popover
          anchor={anchor}
          placement={{ side: "top", align: "start", gap: 10 }}
          onClose={close}
          returnFocus={returnFocus}
          role="dialog"
          aria-label={chat.emoji.title}
          className={styles.popover}
        >
          <EmojiBoundary fallback={<p className={styles.note}>{chat.emoji.error}</p>}>
            <Suspense fallback={<Waiting />}>
              <EmojiPicker {...(emojiUrl ? { emojiUrl } : {})} onPick={pick} />
            </Suspense>
          </EmojiBoundary>
        </Popover>
      ) : null}
    </>
  );
}

function Waiting() {
  const { chat } = useI18n();
  return (
    <div className={styles.note}>
      <Spinner label={chat.emoji.loading} />
    </div>
  );
}

/** Keeps a picker that cannot load (offline, before its first use) from taking the conversation with it. */
class EmojiBoundary extends Component<{ readonly fallback: ReactNode; readonly children: ReactNode }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? <div role="alert">{this.props.fallback}</div> : this.props.children;
  }
}
