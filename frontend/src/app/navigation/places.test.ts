import { describe, expect, it } from "vitest";
import { appPathOf, outsideUrlOf, placeOf, threadPath } from "./places";

const ORIGIN = "https://chat.example.com";

describe("placeOf", () => {
  it.each([
    ["/", "", { name: "inbox" }],
    ["/settings", "", { name: "settings" }],
    ["/t/abc", "", { name: "thread", threadId: "abc", aroundSeq: null, details: false }],
    ["/t/abc", "?message=12&details=1", { name: "thread", threadId: "abc", aroundSeq: 12, details: true }],
    ["/t/a%2Fb", "", { name: "thread", threadId: "a/b", aroundSeq: null, details: false }],
    ["/t/abc", "?message=x", { name: "thread", threadId: "abc", aroundSeq: null, details: false }],
    ["/t/abc", "?message=0", { name: "thread", threadId: "abc", aroundSeq: null, details: false }],
  ])("%s%s", (path, search, place) => {
    expect(placeOf(path, search)).toEqual(place);
  });

  it.each(["/t/", "/t/a/b", "/t/%E0%A4%A", "/api/v1/threads", "/settings/x"])("%s is none of ours", (path) => {
    expect(placeOf(path, "")).toBeNull();
  });
});

it("threadPath and placeOf undo each other", () => {
  const path = new URL(threadPath("a/b ?", { aroundSeq: 5, details: true }), ORIGIN);
  expect(placeOf(path.pathname, path.search)).toEqual({
    name: "thread",
    threadId: "a/b ?",
    aroundSeq: 5,
    details: true,
  });
  expect(threadPath("abc")).toBe("/t/abc");
});

describe("an action_url", () => {
  it.each([
    ["/t/abc?message=3", "/t/abc?message=3"],
    [`${ORIGIN}/settings`, "/settings"],
    ["/receipts/7", null],
    ["//evil.example/t/abc", null],
    ["https://other.example/t/abc", null],
    ["javascript:alert(1)", null],
    ["http://[", null],
  ])("%s within the app is %s", (url, path) => {
    expect(appPathOf(url, ORIGIN)).toBe(path);
  });

  it.each([
    ["/receipts/7", `${ORIGIN}/receipts/7`],
    ["https://other.example/x", "https://other.example/x"],
    ["javascript:alert(1)", null],
    ["data:text/html,x", null],
    ["http://[", null],
  ])("%s outside is %s", (url, href) => {
    expect(outsideUrlOf(url, ORIGIN)).toBe(href);
  });
});
