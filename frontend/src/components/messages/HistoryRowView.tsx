import styles from "./HistoryRowView.module.css";
import { MessageBubble, type MessageBubbleProps } from "./MessageBubble";
import { type HistoryRow, messageOf } from "./rows";
import { DateSeparator, SystemMessage, UnreadSeparator } from "./Separators";

/** A row, and what its kind needs. */
export interface HistoryRowViewProps extends Pick<MessageBubbleProps, "isGroup" | "onRetry" | "onDiscard"> {
  readonly row: HistoryRow | undefined;
  readonly avatars: ReadonlyMap<string, string | null>;
  /** The seq of a message that was jumped to. */
  readonly marked: number | null;
}

/** Shows a row by its kind. */
export function HistoryRowView({ row, marked, ...props }: HistoryRowViewProps) {
  const isMarked = marked !== null && messageOf(row)?.seq === marked;
  return (
    <div className={styles.row} data-marked={isMarked || undefined}>
      <RowByKind row={row} {...props} />
    </div>
  );
}

function RowByKind({ row, avatars, isGroup, onRetry, onDiscard }: Omit<HistoryRowViewProps, "marked">) {
  switch (row?.kind) {
    case "date":
      return <DateSeparator at={row.at} />;
    case "unread":
      return <UnreadSeparator />;
    case "system":
      return <SystemMessage message={row.message} />;
    case "message":
      return (
        <MessageBubble
          message={row.message}
          position={row.position}
          isGroup={isGroup}
          avatarUrl={avatars.get(String(row.message.sender_id)) ?? null}
          onRetry={onRetry}
          onDiscard={onDiscard}
        />
      );
    default:
      return null;
  }
}
