import type { Participant, Thread, UserId } from "../types/generated/contract";
import type { DeliveryState } from "./types";

/** A user id may come as a number or as its text. */
export function isSameUser(one: UserId | null, other: UserId | null): boolean {
  return one !== null && other !== null && String(one) === String(other);
}

/** How far *every* other participant of a thread has come: what the ticks of one's own messages show. */
export interface Floors {
  readonly read: number;
  readonly delivered: number;
}

export const NO_FLOORS: Floors = { read: 0, delivered: 0 };

/** A participant's position in a thread, or the part of it that is known. */
export type Position = Pick<Participant, "user_id"> &
  Partial<Pick<Participant, "read_seq" | "read_at" | "delivered_seq" | "delivered_at">>;

/** The floors of a thread. Where not all participants are listed, nothing can be said of all of them. */
export function floorsOf(thread: Thread, me: UserId | null): Floors {
  const others = thread.participants.filter(({ user_id }) => !isSameUser(user_id, me));
  if (others.length === 0 || thread.participant_count > thread.participants.length) return NO_FLOORS;
  return {
    read: Math.min(...others.map(({ read_seq }) => read_seq)),
    delivered: Math.min(...others.map(({ read_seq, delivered_seq }) => Math.max(read_seq, delivered_seq))),
  };
}

/** The state of one's own stored message. `isRead` is the server's word, which also covers threads too large to list. */
export function stateOf(seq: number, isRead: boolean, floors: Floors): DeliveryState {
  if (isRead || seq <= floors.read) return "read";
  return seq <= floors.delivered ? "delivered" : "sent";
}

/** One's own place in a thread; undefined in a thread too large to list it. */
export function placeOf(thread: Thread, userId: UserId | null): Participant | undefined {
  return thread.participants.find(({ user_id }) => isSameUser(user_id, userId));
}

/** The thread with a participant moved forward; the same object if that moves nothing. Positions never go back. */
export function withPosition(thread: Thread, position: Position): Thread {
  const place = placeOf(thread, position.user_id);
  if (place === undefined) return thread;
  const moved = moveForward(place, position);
  if (moved === place) return thread;
  return {
    ...thread,
    participants: thread.participants.map((participant) => (participant === place ? moved : participant)),
  };
}

/** A participant at the farther of two positions. */
export function moveForward(place: Participant, { read_seq = 0, read_at, delivered_seq = 0, delivered_at }: Position) {
  let moved = place;
  if (read_seq > moved.read_seq) moved = { ...moved, read_seq, read_at: read_at ?? moved.read_at };
  if (delivered_seq > moved.delivered_seq) {
    moved = { ...moved, delivered_seq, delivered_at: delivered_at ?? moved.delivered_at };
  }
  if (moved.read_seq > moved.delivered_seq) {
    moved = { ...moved, delivered_seq: moved.read_seq, delivered_at: moved.read_at };
  }
  return moved;
}
