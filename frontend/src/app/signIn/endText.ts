import type { EndReason } from "../session/session";
import type { AppTexts } from "../texts";

/** Why the last session ended, in the person's language; the server's words where we have none. */
export function endText(ended: EndReason, texts: AppTexts): string {
  if (ended.code === "token_expired") return texts.ended.expired;
  if (ended.code === "revoked") return texts.ended.revoked;
  return ended.message || texts.ended.refused;
}
