import type { UserId } from "../types/generated/contract";
import type { Drafts } from "./types";

/** Where texts are kept on a device; `localStorage` is one. */
export type TextStorage = Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem">;

/** The device's storage, or memory where there is none or it is forbidden. */
export function deviceStorage(): TextStorage {
  try {
    if (typeof localStorage !== "undefined") return localStorage;
  } catch {
    // Reading the property throws where a browser blocks it.
  }
  return memoryStorage();
}

/** Texts that live as long as the page. */
export function memoryStorage(): TextStorage {
  const texts = new Map<string, string>();
  return {
    getItem: (key) => texts.get(key) ?? null,
    setItem: (key, text) => {
      texts.set(key, text);
    },
    removeItem: (key) => {
      texts.delete(key);
    },
  };
}

/** Drafts of whoever is signed in. Before that is known they are kept in memory. */
export function createDrafts(me: () => UserId | null, storage: TextStorage = deviceStorage()): Drafts {
  const memory = memoryStorage();
  const place = () => (me() === null ? memory : storage);
  const keyOf = (threadId: string) => `vh:draft:${me() ?? ""}:${threadId}`;
  return {
    get(threadId) {
      try {
        return place().getItem(keyOf(threadId)) ?? "";
      } catch {
        return memory.getItem(keyOf(threadId)) ?? "";
      }
    },
    set(threadId, text) {
      try {
        if (text === "") place().removeItem(keyOf(threadId));
        else place().setItem(keyOf(threadId), text);
      } catch {
        // A full device: the draft lasts as long as the page.
        memory.setItem(keyOf(threadId), text);
      }
    },
  };
}
