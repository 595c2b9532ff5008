import type { Namespace, OperationName, Operations, OperationsOfNamespace } from "../types/generated/contract";

type NamespacesOf<Name extends OperationName> = {
  [N in Namespace]: Name extends OperationsOfNamespace[N] ? N : never;
}[Namespace];

const CHAT = ["/messaging", "/threads"] as const;
const INBOX = ["/messaging"] as const;
const ROOM = ["/threads"] as const;
const CENTRE = ["/notifications"] as const;
const STATUS = ["/presence"] as const;
const ANY = [...CHAT, ...CENTRE, ...STATUS] as const;

/** Where each operation may be asked, best first. The compiler checks it against the contract. */
const HOMES: { readonly [Name in OperationName]: readonly NamespacesOf<Name>[] } = {
  ping: ANY,
  refresh_token: ANY,
  sync: [...CHAT, ...CENTRE],
  list_threads: INBOX,
  get_thread: CHAT,
  create_thread: INBOX,
  list_people: INBOX,
  get_history: CHAT,
  join_conversation: INBOX,
  leave_conversation: INBOX,
  join: ROOM,
  leave: ROOM,
  send_message: CHAT,
  mark_as_read: CHAT,
  mark_messages_read: CHAT,
  mark_delivered: CHAT,
  typing_start: CHAT,
  typing_stop: CHAT,
  list_notifications: CENTRE,
  mark_notification_read: CENTRE,
  mark_all_notifications_read: CENTRE,
  clear_notification: CENTRE,
  get_settings: CENTRE,
  update_settings: CENTRE,
  subscribe_push: CENTRE,
  unsubscribe_push: CENTRE,
  heartbeat: STATUS,
  get_presence: STATUS,
};

/** What a client joins unless told otherwise. `/threads` would only tell `/messaging`'s events twice. */
export const NAMESPACES: readonly Namespace[] = ["/messaging", "/notifications", "/presence"];

/** The namespace to ask an operation on, of those that the client joined; undefined if none of them has it. */
export function homeOf<Name extends OperationName>(
  name: Name,
  request: Operations[Name]["request"],
  joined: readonly Namespace[],
): Namespace | undefined {
  // A sync of the notification centre alone is one packet less among the messages.
  const centreOnly = name === "sync" && "notifications" in request && !("threads" in request);
  const homes: readonly Namespace[] = centreOnly ? CENTRE : HOMES[name];
  return homes.find((home) => joined.includes(home)) ?? HOMES[name].find((home: Namespace) => joined.includes(home));
}
