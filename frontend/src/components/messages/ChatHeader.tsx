import { ArrowLeft, Info } from "lucide-react";
import { useI18n } from "../../i18n";
import { Avatar, IconButton, type PresenceState } from "../common";
import styles from "./ChatHeader.module.css";

/** Whom one is talking to. */
export interface ChatHeaderProps {
  readonly name: string;
  readonly avatarUrl?: string | null;
  readonly presence?: PresenceState | undefined;
  /** Under the name: presence, or the participants of a group. */
  readonly status: string | null;
  /** Takes the place of the status. */
  readonly typingNames: readonly string[];
  readonly isGroup: boolean;
  /** With it there is a back button. */
  readonly onBack?: (() => void) | undefined;
  /** With it there is a details button. */
  readonly onShowDetails?: (() => void) | undefined;
}

/** The bar over a conversation. */
export function ChatHeader(props: ChatHeaderProps) {
  const { name, avatarUrl, presence, status, typingNames, isGroup, onBack, onShowDetails } = props;
  const { chat } = useI18n();
  const typing = isGroup ? chat.header.typingNames(typingNames) : chat.header.typing;
  const isTyping = typingNames.length > 0;
  return (
    <header className={styles.header}>
      {onBack && <IconButton label={chat.header.back} icon={<ArrowLeft />} onClick={() => onBack()} />}
      <Avatar name={name} url={avatarUrl} presence={presence} />
      <div className={styles.who}>
        <h2 className={styles.name} title={name}>
          {name}
        </h2>
        <p className={styles.status} data-typing={isTyping || undefined}>
          {isTyping ? typing : status}
        </p>
      </div>
      {onShowDetails && <IconButton label={chat.header.details} icon={<Info />} onClick={() => onShowDetails()} />}
    </header>
  );
}
