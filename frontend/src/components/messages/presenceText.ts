import type { ChatTexts } from "../../i18n/chat";
import type { Formats } from "../../i18n/formats";
import type { Presence } from "../../types/generated/contract";

/** "online", or since when not; null for someone of whom nothing is known. */
export function presenceText(presence: Presence | undefined, texts: ChatTexts, formats: Formats): string | null {
  const state = presence?.state;
  if (!presence || !state) return null;
  if (state === "offline" && presence.last_seen) return texts.header.lastSeen(presence.last_seen, formats);
  return texts.header[state];
}
