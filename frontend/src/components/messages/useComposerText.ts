import { type RefObject, useLayoutEffect, useRef, useState } from "react";
import { codePoints } from "./text";

/** What the server takes, in code points. */
export const LONGEST_MESSAGE = 4000;

export interface ComposerTextOptions {
  readonly draft: string;
  readonly onDraftChange: (text: string) => void;
  readonly onSend: (content: string) => void;
  /** False while nothing can be sent, nor kept to be sent; the text stays. */
  readonly isReady?: boolean;
  /** On every keystroke that leaves text, and when there is nothing to wait for any more. */
  readonly onTyping?: () => void;
  readonly onStopTyping?: () => void;
}

/** The text under way, and what is done with it. */
export function useComposerText(options: ComposerTextOptions) {
  const { draft, onDraftChange, onSend, isReady = true, onTyping, onStopTyping } = options;
  const [text, setText] = useState(draft);
  const content = text.trim();
  const length = codePoints(content);
  const change = (next: string) => {
    setText(next);
    onDraftChange(next);
    if (next.trim()) onTyping?.();
    else onStopTyping?.();
  };
  const canSend = isReady && content !== "" && length <= LONGEST_MESSAGE;
  const send = () => {
    if (!canSend) return;
    onSend(content);
    setText("");
    onDraftChange("");
    onStopTyping?.();
  };
  return { text, length, change, canSend, send };
}

/** Puts text in place of what is selected, and the caret after it. */
export function useInsert(
  textarea: RefObject<HTMLTextAreaElement | null>,
  text: string,
  change: (text: string) => void,
): (inserted: string) => void {
  const caret = useRef<number | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the caret is placed once the text is there
  useLayoutEffect(() => {
    if (caret.current !== null) textarea.current?.setSelectionRange(caret.current, caret.current);
    caret.current = null;
  }, [text]);
  return (inserted) => {
    const { selectionStart = text.length, selectionEnd = text.length } = textarea.current ?? {};
    caret.current = selectionStart + inserted.length;
    change(text.slice(0, selectionStart) + inserted + text.slice(selectionEnd));
  };
}
