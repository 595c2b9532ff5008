/** Texts and formats in the person's language, for every component: `const { chat, formats } = useI18n();` */
import { createContext, type ReactNode, useContext, useMemo } from "react";
import { type CentreTexts, centre } from "./centre";
import { type ChatTexts, chat } from "./chat";
import { createFormats, type Formats } from "./formats";

export type Locale = "es" | "en";
export const LOCALES: readonly Locale[] = ["es", "en"];

export interface I18n {
  readonly locale: Locale;
  /** Threads, messages, composer, connection. */
  readonly chat: ChatTexts;
  /** Notifications, people, new conversation. */
  readonly centre: CentreTexts;
  readonly formats: Formats;
}

/** The language of a browser's list, else Spanish, as the server's default. */
export function chooseLocale(languages: readonly string[]): Locale {
  for (const language of languages) {
    const found = LOCALES.find((locale) => language.toLowerCase().startsWith(locale));
    if (found) return found;
  }
  return "es";
}

function createI18n(locale: Locale): I18n {
  return { locale, chat: chat[locale], centre: centre[locale], formats: createFormats(locale) };
}

const I18nContext = createContext<I18n>(createI18n("es"));

/** Chooses the language of everything inside. */
export function I18nProvider({ locale, children }: { locale: Locale; children: ReactNode }) {
  const value = useMemo(() => createI18n(locale), [locale]);
  return <I18nContext.Provider value={value}>{children}</I18nContext.Provider>;
}

/** Texts and formats of the nearest I18nProvider; Spanish without one. */
export function useI18n(): I18n {
  return useContext(I18nContext);
}
