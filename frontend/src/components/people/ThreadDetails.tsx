import { useMe, usePresence } from "../../hooks";
import { useThreadRecord } from "../../hooks/useThreadRecord";
import { useI18n } from "../../i18n";
import { ErrorState } from "../common";
import { DetailsPlaceholder, ThreadDetailsView } from "./ThreadDetailsView";

/** Which thread to tell of. */
export interface ThreadDetailsProps {
  readonly threadId: string;
}

/** What a thread is about, who is in it and who of them is there, live. Its host gives it a heading. */
export function ThreadDetails({ threadId }: ThreadDetailsProps) {
  const texts = useI18n().centre.details;
  const { thread, error, reload } = useThreadRecord(threadId);
  const presence = usePresence(thread?.participants.map((participant) => participant.user_id) ?? []);
  const me = useMe();
  if (thread) return <ThreadDetailsView thread={thread} presence={presence} me={me} />;
  if (error) return <ErrorState title={texts.errorTitle} message={error.message} onRetry={reload} />;
  return <DetailsPlaceholder />;
}
