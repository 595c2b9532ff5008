import { beforeEach, describe, expect, it } from "vitest";
import { createPreferences } from "./preferences";
import { addressOfMessage, buildOf, workerUrl } from "./serviceWorker";
import { applyTheme } from "./theme";

beforeEach(() => localStorage.clear());

describe("preferences", () => {
  it("begin with the system's theme, the browser's language, and all shortcuts", () => {
    expect(createPreferences(localStorage).getSnapshot()).toEqual({ theme: "system", locale: null, singleKeys: true });
  });

  it("survive", () => {
    createPreferences(localStorage).change({ theme: "dark", singleKeys: false });
    createPreferences(localStorage).change({ locale: "en" });
    expect(createPreferences(localStorage).getSnapshot()).toEqual({ theme: "dark", locale: "en", singleKeys: false });
  });

  it.each(["{", "3", '{"theme":"pink","locale":"fr"}'])("ignore what is none: %s", (text) => {
    localStorage.setItem("verihome-preferences", text);
    expect(createPreferences(localStorage).getSnapshot()).toEqual({ theme: "system", locale: null, singleKeys: true });
  });
});

describe("the theme", () => {
  const colours = () => [...document.querySelectorAll("meta")].map((meta) => meta.getAttribute("content"));

  beforeEach(() => {
    document.head.innerHTML =
      '<meta name="theme-color" media="(prefers-color-scheme: light)"><meta name="theme-color" media="(prefers-color-scheme: dark)">';
  });

  it("of the system leaves the choice to the style sheet", () => {
    applyTheme("dark");
    applyTheme("system");
    expect(document.documentElement.hasAttribute("data-vh-theme")).toBe(false);
    expect(colours()).toEqual(["#ffffff", "#171b1e"]);
  });

  it.each([
    ["light", "#ffffff"],
    ["dark", "#171b1e"],
  ] as const)("%s holds whatever the system says", (theme, colour) => {
    applyTheme(theme);
    expect(document.documentElement.getAttribute("data-vh-theme")).toBe(theme);
    expect(colours()).toEqual([colour, colour]);
  });
});

describe("the service worker", () => {
  it("is registered for a build only", () => {
    expect(buildOf("https://x.example/assets/index-AbC_1-2.js")).toBe("AbC_1-2");
    expect(buildOf("http://localhost:5173/src/app/main.tsx?t=1")).toBeNull();
    document.head.innerHTML = '<script type="module" src="/src/app/main.tsx"></script>';
    expect(workerUrl()).toBeUndefined();
    document.head.innerHTML = '<script type="module" src="/assets/index-AbC_1-2.js"></script>';
    expect(workerUrl()).toBe("/sw.js?v=AbC_1-2");
  });

  it("asks to navigate, and is not misunderstood", () => {
    expect(addressOfMessage({ type: "navigate", url: "/t/t1" })).toBe("/t/t1");
    for (const message of [null, "navigate", { type: "push" }, { type: "navigate", url: 3 }]) {
      expect(addressOfMessage(message)).toBeNull();
    }
  });
});
