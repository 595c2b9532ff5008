/** Where one can be in the app, and the addresses of that. */
export type Place =
  | { readonly name: "inbox" }
  | {
      readonly name: "thread";
      readonly threadId: string;
      /** Open around this message instead of at the latest. */
      readonly aroundSeq: number | null;
      readonly details: boolean;
    }
  | { readonly name: "settings" };

export const INBOX_PATH = "/";
export const SETTINGS_PATH = "/settings";

/** The address of a thread. */
export function threadPath(threadId: string, options: { aroundSeq?: number | null; details?: boolean } = {}): string {
  const query = new URLSearchParams();
  if (options.aroundSeq) query.set("message", String(options.aroundSeq));
  if (options.details) query.set("details", "1");
  const search = query.size > 0 ? `?${query}` : "";
  return `/t/${encodeURIComponent(threadId)}${search}`;
}

function decodeSegment(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

/** The place of an address; null if it is none of ours. */
export function placeOf(path: string, search: string): Place | null {
  if (path === INBOX_PATH) return { name: "inbox" };
  if (path === SETTINGS_PATH) return { name: "settings" };
  const segment = /^\/t\/([^/]+)$/.exec(path)?.[1];
  const threadId = segment ? decodeSegment(segment) : null;
  if (!threadId) return null;
  const query = new URLSearchParams(search);
  const seq = query.get("message") ?? "";
  return {
    name: "thread",
    threadId,
    aroundSeq: /^[1-9]\d{0,15}$/.test(seq) ? Number(seq) : null,
    details: query.has("details"),
  };
}

/** What of an `action_url` is an address within the app; null if it leads elsewhere. */
export function appPathOf(url: string, origin: string): string | null {
  if (!URL.canParse(url, origin)) return null;
  const target = new URL(url, origin);
  if (target.origin !== origin || !placeOf(target.pathname, target.search)) return null;
  return target.pathname + target.search;
}

/** What of an `action_url` may be opened in another tab; null for anything but http(s). */
export function outsideUrlOf(url: string, origin: string): string | null {
  if (!URL.canParse(url, origin)) return null;
  const target = new URL(url, origin);
  return target.protocol === "https:" || target.protocol === "http:" ? target.href : null;
}
