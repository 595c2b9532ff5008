import { useSyncExternalStore } from "react";
import { chooseLocale, LOCALES, type Locale } from "../../i18n";
import { createStore } from "../../services/store";
import type { Store } from "../../services/types";
import { isRecord } from "../session/claims";

export type Theme = "system" | "light" | "dark";
export const THEMES: readonly Theme[] = ["system", "light", "dark"];

/** What a device remembers for whoever uses it. */
export interface Preferences {
  readonly theme: Theme;
  /** The last person's language, for the time before the server tells it. null: the browser's. */
  readonly locale: Locale | null;
  /** WCAG 2.1.4: shortcuts of a single character can be turned off. */
  readonly singleKeys: boolean;
}

export interface PreferencesStore extends Store<Preferences> {
  change(changes: Partial<Preferences>): void;
}

const KEY = "verihome-preferences";
const DEFAULTS: Preferences = { theme: "system", locale: null, singleKeys: true };

function read(storage: Storage): Preferences {
  try {
    const value: unknown = JSON.parse(storage.getItem(KEY) ?? "null");
    if (!isRecord(value)) return DEFAULTS;
    return {
      theme: THEMES.find((theme) => theme === value.theme) ?? DEFAULTS.theme,
      locale: LOCALES.find((locale) => locale === value.locale) ?? DEFAULTS.locale,
      singleKeys: value.singleKeys !== false,
    };
  } catch {
    return DEFAULTS;
  }
}

/** Preferences kept in the given storage. */
export function createPreferences(storage: Storage): PreferencesStore {
  const store = createStore(read(storage), (tell) => tell());
  return {
    subscribe: store.subscribe,
    getSnapshot: store.getSnapshot,
    change(changes) {
      const next = { ...store.getSnapshot(), ...changes };
      store.set(next);
      storage.setItem(KEY, JSON.stringify(next));
    },
  };
}

/** This device's preferences. */
export const preferences = createPreferences(localStorage);

/** This device's preferences, followed. */
export function usePreferences(): Preferences {
  return useSyncExternalStore(preferences.subscribe, preferences.getSnapshot);
}

function localeOf({ locale }: Preferences): Locale {
  return locale ?? chooseLocale(navigator.languages);
}

/** The language that is shown: the last one known, else the browser's. */
export function shownLocale(): Locale {
  return localeOf(preferences.getSnapshot());
}

/** The language to show, followed. */
export function useLocale(): Locale {
  return localeOf(usePreferences());
}
