// @vitest-environment node
import { expect, it } from "vitest";
import { createDrafts, memoryStorage } from "./drafts";

it("keeps a draft for each person and thread", () => {
  const storage = memoryStorage();
  let me = 1;
  const drafts = createDrafts(() => me, storage);
  drafts.set("t1", "half a sent");
  expect(drafts.get("t1")).toBe("half a sent");
  expect(drafts.get("t2")).toBe("");
  me = 2;
  expect(drafts.get("t1")).toBe("");
  me = 1;
  expect(createDrafts(() => me, storage).get("t1")).toBe("half a sent");
  drafts.set("t1", "");
  expect(storage.getItem("vh:draft:1:t1")).toBeNull();
});

it("goes on in memory where the device takes nothing", () => {
  const refuses = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  const drafts = createDrafts(() => 1, { getItem: refuses, setItem: refuses, removeItem: refuses });
  drafts.set("t1", "text");
  expect(drafts.get("t1")).toBe("text");
});

it("writes nothing down before it knows for whom", () => {
  const storage = memoryStorage();
  createDrafts(() => null, storage).set("t1", "text");
  expect(storage.getItem("vh:draft::t1")).toBeNull();
});
