/** What a message's text is made of. Text stays text: nothing here makes markup. */

export type TextPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly href: string };

const LINK = /\bhttps?:\/\/[^\s<>"'`\u00ab\u00bb\u201c\u201d\u2018\u2019]+/giu;
const TRAILING = /[.,;:!?\u2026*_~]$/u;
const CLOSING: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

function count(text: string, char: string): number {
  return text.split(char).length - 1;
}

/** Without what belongs to the sentence around an address: its full stop, and a bracket that was opened before it. */
function trimLink(link: string): string {
  for (let text = link; ; text = text.slice(0, -1)) {
    const opening = CLOSING[text.slice(-1)];
    const isUnopened = opening !== undefined && count(text, text.slice(-1)) > count(text, opening);
    if (!isUnopened && !TRAILING.test(text)) return text;
  }
}

/** The address if it is a whole one of http or https, else null. */
export function safeHref(text: string): string | null {
  try {
    const url = new URL(text);
    return (url.protocol === "https:" || url.protocol === "http:") && url.hostname ? url.href : null;
  } catch {
    return null;
  }
}

/** Splits a text at its http(s) addresses. The parts' texts joined are the text. */
export function splitLinks(content: string): readonly TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of content.matchAll(LINK)) {
    const text = trimLink(match[0]);
    const href = safeHref(text);
    if (!href) continue;
    if (match.index > end) parts.push({ kind: "text", text: content.slice(end, match.index) });
    parts.push({ kind: "link", text, href });
    end = match.index + text.length;
  }
  if (end < content.length || parts.length === 0) parts.push({ kind: "text", text: content.slice(end) });
  return parts;
}

const EMOJI =
  /(?:\p{RI}\p{RI}|[0-9#*]\ufe0f?\u20e3|\p{Extended_Pictographic}(?:\ufe0f|\p{EMod})?[\u{e0020}-\u{e007f}]*(?:\u200d\p{Extended_Pictographic}(?:\ufe0f|\p{EMod})?)*)/gu;

/** How many emojis a text is, if it is nothing else; else 0. */
export function emojiCount(content: string): number {
  if (content.length > 120) return 0;
  let emojis = 0;
  const rest = content.replace(EMOJI, () => {
    emojis += 1;
    return "";
  });
  return rest.trim() === "" ? emojis : 0;
}

/** Length as the server counts it: in code points. */
export function codePoints(text: string): number {
  let points = 0;
  for (const _ of text) points += 1;
  return points;
}
