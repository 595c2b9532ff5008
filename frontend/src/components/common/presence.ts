import type { Presence } from "../../types/generated/contract";

/** online: there and looking. away: connected, but looking elsewhere. */
export type PresenceState = Presence["state"];
