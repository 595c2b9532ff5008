import { ChevronDown } from "lucide-react";
import { useI18n } from "../../i18n";
import styles from "./JumpToLatest.module.css";

/** Floats over the history while the reader is not at its end. */
export function JumpToLatest({ count, onJump }: { readonly count: number; readonly onJump: () => void }) {
  const { chat, formats } = useI18n();
  const label = count > 0 ? chat.history.jumpToNew(count) : chat.history.jumpToLatest;
  return (
    <button type="button" className={styles.jump} aria-label={label} title={label} onClick={onJump}>
      <ChevronDown aria-hidden="true" />
      {count > 0 && (
        <span className={styles.count} aria-hidden="true">
          {count > 99 ? "99+" : formats.number(count)}
        </span>
      )}
    </button>
  );
}
