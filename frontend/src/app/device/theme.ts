import type { Theme } from "./preferences";

/** `--vh-surface` of theme.css, for the browser's own bars. */
const BAR = { light: "#ffffff", dark: "#171b1e" };

/** Shows the page in a theme: an attribute for the style sheets, and the colour of the browser's bars. */
export function applyTheme(theme: Theme, page: Document = document): void {
  if (theme === "system") page.documentElement.removeAttribute("data-vh-theme");
  else page.documentElement.setAttribute("data-vh-theme", theme);
  for (const meta of page.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    const scheme = meta.matches('[media*="dark"]') ? "dark" : "light";
    meta.content = BAR[theme === "system" ? scheme : theme];
  }
}
