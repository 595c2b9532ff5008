import { memo } from "react";
import { useI18n } from "../../i18n";
import { VisuallyHidden } from "../common";
import styles from "./MessageText.module.css";
import { emojiCount, splitLinks } from "./text";

/** A message's words: line breaks kept, addresses clickable, a few emojis alone bigger. */
export const MessageText = memo(function MessageText({ content }: { readonly content: string }) {
  const { chat } = useI18n();
  const emojis = emojiCount(content);
  const size = emojis === 0 || emojis > 6 ? undefined : emojis > 3 ? "big" : "huge";
  return (
    <span className={styles.text} data-size={size}>
      {splitLinks(content).map((part, index) =>
        part.kind === "text" ? (
          part.text
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text never change places
          <a key={index} className={styles.link} href={part.href} target="_blank" rel="noopener noreferrer nofollow">
            {part.text}
            <VisuallyHidden> ({chat.message.opensInNewTab})</VisuallyHidden>
          </a>
        ),
      )}
    </span>
  );
});
