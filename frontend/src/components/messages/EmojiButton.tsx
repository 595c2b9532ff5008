import { Smile } from "lucide-react";
import { Popover } from "radix-ui";
import { Component, lazy, type ReactNode, type RefObject, Suspense, useRef, useState } from "react";
import { useI18n } from "../../i18n";
import { IconButton, Spinner } from "../common";
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
  const [open, setOpen] = useState(false);
  const hasPicked = useRef(false);
  const onOpenChange = (next: boolean) => {
    if (next) hasPicked.current = false;
    setOpen(next);
  };
  return (
    <Popover.Root open={open} onOpenChange={onOpenChange}>
      <Popover.Trigger asChild>
        <IconButton label={chat.composer.emoji} icon={<Smile />} tooltipSide="top" />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          className={styles.popover}
          side="top"
          align="start"
          sideOffset={10}
          collisionPadding={8}
          aria-label={chat.emoji.title}
          onCloseAutoFocus={(event) => {
            if (!hasPicked.current) return;
            event.preventDefault();
            returnFocusTo.current?.focus();
          }}
        >
          <EmojiBoundary fallback={<p className={styles.note}>{chat.emoji.error}</p>}>
            <Suspense fallback={<Waiting />}>
              <EmojiPicker
                {...(emojiUrl ? { emojiUrl } : {})}
                onPick={(emoji) => {
                  hasPicked.current = true;
                  onPick(emoji);
                }}
              />
            </Suspense>
          </EmojiBoundary>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
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
