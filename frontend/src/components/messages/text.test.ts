import { describe, expect, it } from "vitest";
import { codePoints, emojiCount, safeHref, splitLinks } from "./text";

function links(content: string): string[] {
  return splitLinks(content).flatMap((part) => (part.kind === "link" ? [part.href] : []));
}

describe("splitLinks", () => {
  it.each([
    ["sin enlaces", []],
    ["vea https://example.com/a?b=1#c, por favor", ["https://example.com/a?b=1#c"]],
    ["(https://example.com/a)", ["https://example.com/a"]],
    ["https://example.com/wiki/Casa_(edificio).", ["https://example.com/wiki/Casa_(edificio)"]],
    ["«https://example.com/b»", ["https://example.com/b"]],
    ["http://a.example y HTTPS://B.example!", ["http://a.example/", "https://b.example/"]],
    ["https://example.com/ñ", ["https://example.com/%C3%B1"]],
    ["javascript:alert(1) data:text/html,x ftp://a.example //a.example www.example.com", []],
    ["xhttps://example.com", []],
    ["https:// nada", []],
    ['https://example.com/"onclick="x', ["https://example.com/"]],
    ["https://example.com/<b>", ["https://example.com/"]],
  ])("%s", (content, expected) => {
    expect(links(content)).toEqual(expected);
  });

  it("loses no character", () => {
    for (const content of [
      "",
      "a",
      " https://a.example,\n\thttps://b.example) ",
      "x https://",
      "\u202Ehttps://a.example",
    ]) {
      const joined = splitLinks(content)
        .map((part) => part.text)
        .join("");
      expect(joined).toBe(content);
    }
  });

  it("takes a long run of punctuation in no time", () => {
    const started = performance.now();
    splitLinks(`https://a.example/${")".repeat(4000)}${"https://".repeat(500)}`);
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe("safeHref", () => {
  it("takes http and https alone", () => {
    expect(safeHref("https://a.example/x")).toBe("https://a.example/x");
    for (const bad of ["javascript:alert(1)", "data:text/html,x", "/path", "https://", ""])
      expect(safeHref(bad)).toBeNull();
  });
});

describe("emojiCount", () => {
  it.each([
    ["👍", 1],
    ["👍🏽 ❤️", 2],
    ["👨‍👩‍👧‍👦🇪🇸", 2],
    ["1️⃣", 1],
    ["🏴󠁧󠁢󠁳󠁣󠁴󠁿", 1],
    ["👍 vale", 0],
    ["123", 0],
    ["#", 0],
    ["", 0],
  ])("%s is %i", (content, expected) => {
    expect(emojiCount(content)).toBe(expected);
  });
});

describe("codePoints", () => {
  it("counts as the server does", () => {
    expect(codePoints("ñ👍")).toBe(2);
    expect(codePoints("👨‍👩‍👧")).toBe(5);
  });
});
