import type { Locale } from "./index";

/** Times, days, numbers and lists as the locale writes them. Takes RFC 3339, gives text. */
export interface Formats {
  /** 14:05 */
  time(at: string): string;
  /** Today, Yesterday, Monday (of the last week), 3 March, 3 March 2025. */
  day(at: string, now?: Date): string;
  /** The shortest that tells a thread list when: 14:05, yesterday, Mon, 03/03/25. */
  brief(at: string, now?: Date): string;
  /** 5 minutes ago, yesterday. */
  ago(at: string, now?: Date): string;
  /** In full, for titles and screen readers. */
  full(at: string): string;
  number(value: number): string;
  list(names: readonly string[]): string;
}

const DAY_MS = 86_400_000;
const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * DAY_MS],
  ["month", 30 * DAY_MS],
  ["day", DAY_MS],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** Whole calendar days between two moments, in the browser's time zone. */
export function daysBetween(from: Date, to: Date): number {
  const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  return Math.round((midnight(to) - midnight(from)) / DAY_MS);
}

/** The browser's own variety of a language, which decides between 17:10 and 5:10 PM; the bare language without one. */
export function regional(locale: Locale, languages: readonly string[] = navigator.languages): string {
  return languages.find((language) => language.toLowerCase().startsWith(locale)) ?? locale;
}

/** Formats of one locale; the Intl objects, which are dear, are made once. */
export function createFormats(locale: Locale): Formats {
  const region = regional(locale);
  const options = (of: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(region, of);
  const time = options({ timeStyle: "short" });
  const weekday = options({ weekday: "long" });
  const shortWeekday = options({ weekday: "short" });
  const dayOfYear = options({ day: "numeric", month: "long" });
  const date = options({ day: "numeric", month: "long", year: "numeric" });
  const shortDate = options({ day: "2-digit", month: "2-digit", year: "2-digit" });
  const full = options({ dateStyle: "full", timeStyle: "short" });
  const relative = new Intl.RelativeTimeFormat(region, { numeric: "auto" });
  const number = new Intl.NumberFormat(region);
  const list = new Intl.ListFormat(region, { style: "long", type: "conjunction" });
  const capital = (text: string) => text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);

  return {
    time: (at) => time.format(new Date(at)),
    full: (at) => full.format(new Date(at)),
    number: (value) => number.format(value),
    list: (names) => list.format(names),
    day(at, now = new Date()) {
      const then = new Date(at);
      const days = daysBetween(then, now);
      if (days === 0 || days === 1) return capital(relative.format(-days, "day"));
      if (days > 1 && days < 7) return capital(weekday.format(then));
      return (then.getFullYear() === now.getFullYear() ? dayOfYear : date).format(then);
    },
    brief(at, now = new Date()) {
      const then = new Date(at);
      const days = daysBetween(then, now);
      if (days <= 0) return time.format(then);
      if (days === 1) return relative.format(-1, "day");
      return (days < 7 ? shortWeekday : shortDate).format(then);
    },
    ago(at, now = new Date()) {
      const ms = now.getTime() - new Date(at).getTime();
      for (const [unit, size] of UNITS) if (ms >= size) return relative.format(-Math.floor(ms / size), unit);
      return relative.format(0, "second");
    },
  };
}
