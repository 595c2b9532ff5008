import { type EmojiPickerListComponents, EmojiPicker as Frimousse } from "frimousse";
import { useI18n } from "../../i18n";
import styles from "./EmojiPicker.module.css";

/** What is done with an emoji, and where the data are. */
export interface EmojiPickerProps {
  readonly onPick: (emoji: string) => void;
  /**
   * Where `es` and `en` of `emojibase-data` are served, each with `data.json` and `messages.json`: no other host is
   * asked. Kept in localStorage, so that it opens offline from the second time on. Default: `/emoji`.
   */
  readonly emojiUrl?: string;
}

const PARTS: Partial<EmojiPickerListComponents> = {
  CategoryHeader: ({ category, ...props }) => (
    <div {...props} className={styles.category}>
      {category.label}
    </div>
  ),
  // Rows and columns are counted from 1, and Frimousse counts from 0. It looks for rows by that number, so only the
  // first one's, which no reader takes, is left out.
  Row: ({ children, ...props }) => {
    const row = { ...props, "aria-rowindex": props["aria-rowindex"] || undefined };
    return (
      <div {...row} className={styles.row}>
        {children}
      </div>
    );
  },
  Emoji: ({ emoji, ...props }) => {
    const cell = { ...props, "aria-colindex": (props["aria-colindex"] ?? 0) + 1 };
    return (
      <button type="button" {...cell} className={styles.emoji} data-active={emoji.isActive || undefined}>
        {emoji.emoji}
      </button>
    );
  },
};

/** Emojis by category, searched by name; arrows and Enter work while the search has the focus. */
export default function EmojiPicker({ onPick, emojiUrl = "/emoji" }: EmojiPickerProps) {
  const { chat, locale } = useI18n();
  return (
    <Frimousse.Root
      className={styles.picker}
      locale={locale}
      columns={8}
      emojibaseUrl={emojiUrl}
      onEmojiSelect={({ emoji }) => onPick(emoji)}
    >
      <div className={styles.bar}>
        <Frimousse.Search
          className={styles.search}
          autoFocus
          aria-label={chat.emoji.search}
          placeholder={chat.emoji.search}
        />
        <Frimousse.SkinToneSelector className={styles.tone} title={chat.emoji.skinTone} />
      </div>
      <Frimousse.Viewport className={styles.viewport}>
        <Frimousse.Loading className={styles.note}>{chat.emoji.loading}</Frimousse.Loading>
        <Frimousse.Empty className={styles.note}>{({ search }) => chat.emoji.empty(search)}</Frimousse.Empty>
        <Frimousse.List className={styles.list} components={PARTS} />
      </Frimousse.Viewport>
    </Frimousse.Root>
  );
}
