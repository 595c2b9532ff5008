/** What shortcuts do; each has a text in `texts.shortcuts`. */
export type ShortcutId =
  | "search"
  | "newConversation"
  | "notifications"
  | "previous"
  | "next"
  | "settings"
  | "close"
  | "help";

export interface Shortcut {
  readonly id: ShortcutId;
  /** How the help shows it: keys to press together. */
  readonly keys: readonly string[];
  /** A character alone: not while typing, and only if the person has not turned these off. */
  readonly single: boolean;
  matches(event: KeyboardEvent): boolean;
}

function isPlain(event: KeyboardEvent): boolean {
  return !event.ctrlKey && !event.metaKey && !event.altKey;
}

function single(id: ShortcutId, key: string): Shortcut {
  return { id, keys: [key], single: true, matches: (event) => isPlain(event) && event.key.toLowerCase() === key };
}

function withAlt(id: ShortcutId, key: string, shown: string): Shortcut {
  const matches = (event: KeyboardEvent) =>
    event.altKey && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.key === key;
  return { id, keys: ["Alt", shown], single: false, matches };
}

/** Every shortcut; several may do the same. */
export const SHORTCUTS: readonly Shortcut[] = [
  single("search", "/"),
  {
    id: "search",
    keys: ["Ctrl", "K"],
    single: false,
    matches: (event) => (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k",
  },
  single("newConversation", "n"),
  single("notifications", "b"),
  withAlt("previous", "ArrowUp", "↑"),
  withAlt("next", "ArrowDown", "↓"),
  single("settings", ","),
  { id: "close", keys: ["Esc"], single: false, matches: (event) => isPlain(event) && event.key === "Escape" },
  single("help", "?"),
];

/** Whether keys pressed there are text. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "button", "submit"].includes(target.type);
}

/** Whether a dialog or a menu is open: it has the keyboard then. One that is fading out has not. */
export function isOverlaid(page: Document): boolean {
  const overlays = page.querySelectorAll('[role="dialog"], [role="alertdialog"], [role="menu"]');
  return [...overlays].some((overlay) => overlay.getAttribute("data-state") !== "closed");
}

/** The shortcut that a key press means, if any. */
export function shortcutOf(event: KeyboardEvent, singleKeys: boolean): Shortcut | null {
  if (event.defaultPrevented || event.isComposing) return null;
  const found = SHORTCUTS.find((shortcut) => shortcut.matches(event));
  if (!found || (found.single && (!singleKeys || isTyping(event.target)))) return null;
  // In a search field, Escape empties the field.
  const { target } = event;
  if (found.id === "close" && target instanceof HTMLInputElement && isTyping(target) && target.value) return null;
  return found;
}
