/** What a thread is called and shows of itself, as one of its participants sees it. */
import type { Participant, Thread, UserId } from "../../types/generated/contract";

/** The same person, however the id is written. */
export function sameUser(one: UserId | null | undefined, other: UserId | null | undefined): boolean {
  return one !== null && one !== undefined && other !== null && other !== undefined && String(one) === String(other);
}

/** The other of two; null in a group. */
export function counterpart(thread: Thread, me: UserId | null): Participant | null {
  if (thread.kind !== "direct") return null;
  return thread.participants.find((participant) => !sameUser(participant.user_id, me)) ?? null;
}

/** The thread's title, else who takes part in it besides us; empty if nobody is known. */
export function threadName(thread: Thread, me: UserId | null): string {
  const other = counterpart(thread, me);
  if (other) return other.display_name;
  if (thread.title) return thread.title;
  const names = thread.participants.filter(({ user_id }) => !sameUser(user_id, me)).map((one) => one.display_name);
  return names.length > 3 ? `${names.slice(0, 3).join(", ")} +${names.length - 3}` : names.join(", ");
}

/** What stands under the name: the title of a direct thread, and what it is about. */
export function threadTopic(thread: Thread): string | null {
  const parts = [thread.kind === "direct" ? thread.title : null, thread.subject?.title];
  return parts.filter((part): part is string => Boolean(part)).join(" · ") || null;
}

/** Who the picture is of; null: show the name's initials. */
export function threadPicture(thread: Thread, me: UserId | null): string | null {
  return counterpart(thread, me)?.avatar_url ?? null;
}

/** Lower case and without accents, as people search. */
export function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Whether every word of the query is in the thread's name, title, subject or participants. */
export function matchesThread(thread: Thread, query: string): boolean {
  const words = fold(query).split(/\s+/u).filter(Boolean);
  if (words.length === 0) return true;
  const names = thread.participants.map((participant) => participant.display_name);
  const text = fold([thread.title, thread.subject?.title, ...names].filter(Boolean).join(" "));
  return words.every((word) => text.includes(word));
}

/** How far our own last message got, read off the others' positions. `null`: it is not ours. */
export function lastMessageState(thread: Thread, me: UserId | null): "sent" | "delivered" | "read" | null {
  const last = thread.last_message;
  if (!last || !sameUser(last.sender_id, me)) return null;
  const others = thread.participants.filter(({ user_id }) => !sameUser(user_id, me));
  if (last.is_read || (others.length > 0 && others.every((one) => one.read_seq >= last.seq))) return "read";
  const gotIt = (one: Participant) => Math.max(one.delivered_seq, one.read_seq) >= last.seq;
  return others.length > 0 && others.every(gotIt) ? "delivered" : "sent";
}
