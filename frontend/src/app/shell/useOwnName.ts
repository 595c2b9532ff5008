import { useMe } from "../../hooks/useMe";
import { useThreads } from "../../hooks/useThreads";
import type { Session } from "../session/session";

/** How the signed-in person is called and looks. */
export interface OwnName {
  readonly name: string;
  readonly avatarUrl: string | null;
}

/** As the server knows us, seen in any of our threads; until then as the token says. */
export function useOwnName(session: Session): OwnName {
  const me = useMe();
  const { threads } = useThreads();
  const participants = threads.flatMap((thread) => thread.participants);
  const own = participants.find(({ user_id }) => me !== null && String(user_id) === String(me));
  const fallback = session.name ?? (me === null ? "" : `#${me}`);
  return { name: own?.display_name ?? fallback, avatarUrl: own?.avatar_url ?? null };
}
