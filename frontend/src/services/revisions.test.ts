// @vitest-environment node
import { beforeEach, describe, expect, it } from "vitest";
import { Revisions } from "./revisions";

describe("Revisions", () => {
  let revisions: Revisions;
  beforeEach(() => {
    revisions = new Revisions();
    revisions.advance("t", 5);
  });

  it("tells old, next and ahead apart", () => {
    expect([4, 5, 6, 7].map((rev) => revisions.order("t", rev))).toEqual(["old", "old", "next", "ahead"]);
    expect(revisions.order("unknown", 1)).toBe("next");
  });

  it("closes a gap when what was overtaken comes after all", () => {
    revisions.keepAhead("t", 7);
    revisions.keepAhead("t", 8);
    expect(revisions.hasGap("t")).toBe(true);
    revisions.advance("t", 6);
    expect(revisions.get("t")).toBe(8);
    expect(revisions.hasGap("t")).toBe(false);
  });

  it("keeps a gap open behind the one that closed", () => {
    revisions.keepAhead("t", 7);
    revisions.keepAhead("t", 10);
    revisions.advance("t", 6);
    expect(revisions.get("t")).toBe(7);
    expect(revisions.hasGap("t")).toBe(true);
    revisions.advance("t", 12);
    expect(revisions.get("t")).toBe(12);
    expect(revisions.hasGap("t")).toBe(false);
  });

  it("never goes back", () => {
    revisions.advance("t", 2);
    expect(revisions.get("t")).toBe(5);
    revisions.forget("t");
    expect(revisions.ids()).toEqual([]);
  });
});
