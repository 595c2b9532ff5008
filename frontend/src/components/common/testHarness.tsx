import { cleanup, render } from "@testing-library/react";
import axe from "axe-core";
import type { ReactNode } from "react";
import { afterEach, expect, vi } from "vitest";
import { RealtimeProvider } from "../../hooks";
import { I18nProvider, type Locale } from "../../i18n";
import type { RealtimeClient } from "../../services/types";

afterEach(cleanup);

/** Renders in a language, English unless told otherwise. */
export function renderIn(ui: ReactNode, locale: Locale = "en") {
  return render(ui, { wrapper: ({ children }) => <I18nProvider locale={locale}>{children}</I18nProvider> });
}

/** Renders below a provider of the client. */
export function renderWithClient(ui: ReactNode, client: RealtimeClient, locale: Locale = "en") {
  return render(ui, {
    wrapper: ({ children }) => (
      <I18nProvider locale={locale}>
        <RealtimeProvider client={client}>{children}</RealtimeProvider>
      </I18nProvider>
    ),
  });
}

/** Lets axe look at the whole page, but for colours and page landmarks, which jsdom and a lone component lack. */
export async function expectNoViolations(): Promise<void> {
  let looking = true;
  const run = axe
    .run(document.body, { rules: { "color-contrast": { enabled: false }, region: { enabled: false } } })
    .finally(() => {
      looking = false;
    });
  while (looking && vi.isFakeTimers()) await vi.advanceTimersByTimeAsync(1);
  const { violations } = await run;
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join("\n")}`)).toEqual([]);
}

/**
 * Stops the clock, by default now. Testing Library moves it on while it waits, which it does for Jest's clock alone:
 * hence the name. Returns how to let it go.
 */
export function stopTheClock(now: Date | number = Date.now()): () => void {
  vi.useFakeTimers({ now, toFake: ["Date", "setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  vi.stubGlobal("jest", { advanceTimersByTime: (ms: number) => vi.advanceTimersByTime(ms) });
  return () => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  };
}
