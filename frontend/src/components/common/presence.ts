import type { Presence } from "../../types/generated/contract";

/** Whether a person is there, in the words that we show. */
export type PresenceState = "online" | "away" | "offline";

/** The state of a person; `undefined` for one that is not known, so that nothing is claimed. */
export function presenceState(presence: Pick<Presence, "state" | "is_online"> | undefined): PresenceState | undefined {
  if (!presence) return undefined;
  if (presence.state === "online" || presence.state === "away" || presence.state === "offline") return presence.state;
  return presence.is_online ? "online" : "offline";
}
