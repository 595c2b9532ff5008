import { act, cleanup, render } from "@testing-library/react";
import axe from "axe-core";
import type { ReactNode } from "react";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { I18nProvider, type Locale } from "../../i18n";

afterEach(cleanup);

/** Renders in a language. */
export function renderIn(locale: Locale, element: ReactNode) {
  const wrap = (child: ReactNode) => <I18nProvider locale={locale}>{child}</I18nProvider>;
  const result = render(wrap(element));
  return { ...result, update: (next: ReactNode) => result.rerender(wrap(next)) };
}

/** jsdom paints nothing, so contrast is checked in a browser; a part is no page, so it needs no landmarks. */
export async function expectAccessible(container: Element): Promise<void> {
  const { violations } = await axe.run(container, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  expect(violations.map(({ id, nodes }) => ({ id, html: nodes.map((node) => node.html) }))).toEqual([]);
}

/** Gives what a virtualised list needs and jsdom has not: sizes, scrolling, observers. */
export function withLayout({ height, rowHeight }: { readonly height: number; readonly rowHeight: number }): void {
  beforeEach(() => {
    vi.stubGlobal("ResizeObserver", SilentObserver);
    vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(height);
    vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(600);
    vi.spyOn(HTMLElement.prototype, "offsetHeight", "get").mockReturnValue(rowHeight);
    vi.spyOn(HTMLElement.prototype, "scrollHeight", "get").mockImplementation(innerHeight);
    HTMLElement.prototype.scrollTo = scrollTo;
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    Reflect.deleteProperty(HTMLElement.prototype, "scrollTo");
  });
}

class SilentObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}

/** As high as the list inside, which was given its height. */
function innerHeight(this: HTMLElement): number {
  const child = this.firstElementChild;
  const sizes = [child, child?.firstElementChild].map((one) =>
    one instanceof HTMLElement ? Number.parseFloat(one.style.blockSize) : 0,
  );
  return Math.max(this.clientHeight, ...sizes.filter((size) => size > 0));
}

/** As a browser does: the position changes at once, the event comes later. */
function scrollTo(this: HTMLElement, options?: ScrollToOptions | number): void {
  const top = typeof options === "object" ? (options.top ?? 0) : 0;
  this.scrollTop = Math.max(0, Math.min(top, this.scrollHeight - this.clientHeight));
  queueMicrotask(() => this.dispatchEvent(new Event("scroll")));
}

/** Lets the events of scrolling come. */
export async function settle(action: () => void = () => {}): Promise<void> {
  await act(async () => action());
}
