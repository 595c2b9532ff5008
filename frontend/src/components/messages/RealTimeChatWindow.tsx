import { MessageCircleOff } from "lucide-react";
import { useMemo } from "react";
import { useMe } from "../../hooks/useMe";
import { usePresence } from "../../hooks/usePresence";
import { useThread } from "../../hooks/useThread";
import { useI18n } from "../../i18n";
import type { Thread, UserId } from "../../types/generated/contract";
import { EmptyState } from "../common";
import { ChatBody } from "./ChatBody";
import { ChatHeader } from "./ChatHeader";
import { Composer } from "./Composer";
import { presenceText } from "./presenceText";
import styles from "./RealTimeChatWindow.module.css";
import { SubjectCard } from "./SubjectCard";
import { counterpart, sameUser, threadName, threadPicture } from "./threadSummary";

/** Which conversation, where to open it, and what its header leads to. */
export interface RealTimeChatWindowProps {
  readonly threadId: string;
  /** Opens it at this message; a new value goes there. */
  readonly aroundSeq?: number | undefined;
  /** With it there is a back button. */
  readonly onBack?: (() => void) | undefined;
  /** With it there is a details button. */
  readonly onShowDetails?: (() => void) | undefined;
  /** Where the emoji data are served; `/emoji` unless given. */
  readonly emojiUrl?: string | undefined;
}

/** A conversation, live: header, subject, messages, composer. */
export function RealTimeChatWindow(props: RealTimeChatWindowProps) {
  return <ChatWindow key={props.threadId} {...props} />;
}

function ChatWindow({ threadId, aroundSeq, onBack, onShowDetails, emojiUrl }: RealTimeChatWindowProps) {
  const { chat } = useI18n();
  const me = useMe();
  const conversation = useThread(threadId, { aroundSeq });
  const { thread, error, typingUsers, hasMoreAfter, send, jumpToLatest } = conversation;
  const typingNames = useMemo(
    () => typingUsers.filter(({ userId }) => !sameUser(userId, me)).map(({ userName }) => userName),
    [typingUsers, me],
  );
  if (error?.code === "not_found" && !thread) return <NotFound onBack={onBack} />;
  const name = (thread && threadName(thread, me)) || chat.inbox.unnamed;
  const sendAndShow = (content: string) => {
    void send(content);
    // What was written stands after the latest.
    if (hasMoreAfter) void jumpToLatest();
  };
  return (
    <section className={styles.window} aria-label={name}>
      <Header thread={thread} me={me} typingNames={typingNames} onBack={onBack} onShowDetails={onShowDetails} />
      {thread?.subject && <SubjectCard subject={thread.subject} />}
      <ChatBody conversation={conversation} name={name} typingNames={typingNames} targetSeq={aroundSeq ?? null} />
      <Composer
        // It keeps its own text, and the draft is only found once it is known whose: then it starts anew.
        key={me === null ? "early" : "known"}
        name={name}
        draft={conversation.draft}
        onDraftChange={conversation.setDraft}
        onSend={sendAndShow}
        isReady={me !== null}
        onTyping={conversation.startTyping}
        onStopTyping={conversation.stopTyping}
        autoFocus={canHover()}
        {...(emojiUrl === undefined ? {} : { emojiUrl })}
      />
    </section>
  );
}

/** On a touch screen a focused composer opens the keyboard over half of the conversation. */
function canHover(): boolean {
  return window.matchMedia?.("(hover: hover)").matches ?? false;
}

interface HeaderProps extends Pick<RealTimeChatWindowProps, "onBack" | "onShowDetails"> {
  readonly thread: Thread | undefined;
  readonly me: UserId | null;
  readonly typingNames: readonly string[];
}

function Header({ thread, me, ...rest }: HeaderProps) {
  const { chat, formats } = useI18n();
  const other = thread ? counterpart(thread, me) : null;
  const presence = usePresence(other ? [other.user_id] : []).get(String(other?.user_id));
  const isGroup = thread !== undefined && thread.kind !== "direct";
  const status = isGroup ? chat.header.participants(thread.participant_count) : presenceText(presence, chat, formats);
  return (
    <ChatHeader
      {...rest}
      name={(thread && threadName(thread, me)) || chat.inbox.unnamed}
      avatarUrl={thread ? threadPicture(thread, me) : null}
      presence={other ? presence?.state : undefined}
      status={status}
      isGroup={isGroup}
    />
  );
}

function NotFound({ onBack }: Pick<RealTimeChatWindowProps, "onBack">) {
  const { chat } = useI18n();
  return (
    <section className={styles.window} aria-label={chat.history.notFoundTitle}>
      {onBack && (
        <ChatHeader name={chat.inbox.unnamed} status={null} typingNames={[]} isGroup={false} onBack={onBack} />
      )}
      <div className={styles.middle}>
        <EmptyState icon={<MessageCircleOff />} title={chat.history.notFoundTitle} hint={chat.history.notFoundHint} />
      </div>
    </section>
  );
}
