// biome-ignore lint/suspicious/noControlCharactersInRegex: browsers drop these, and so would turn "/\t/host" into "//host"
const UNSAFE = /[\u0000-\u0020\\]/;

/**
 * A link of the wire that is safe to follow, else null: an http(s) address, or a path of this origin, which begins
 * with a single "/".
 */
export function safeLink(url: string | null | undefined): string | null {
  if (!url || UNSAFE.test(url)) return null;
  if (url.startsWith("/")) return url.startsWith("//") ? null : url;
  try {
    return ["http:", "https:"].includes(new URL(url).protocol) ? url : null;
  } catch {
    return null;
  }
}
