// @vitest-environment node
import * as fake from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { defaultOutbox, deviceOutbox, memoryOutbox } from "./outboxStorage";
import type { OutboxEntry } from "./types";

const entry = (id: string, changes: Partial<OutboxEntry> = {}): OutboxEntry => ({
  clientMessageId: id,
  userId: 1,
  threadId: "t1",
  content: id,
  createdAt: "2026-11-24T12:00:00.000Z",
  error: null,
  ...changes,
});

beforeEach(() => {
  const { default: _, ...classes } = fake;
  for (const [name, value] of Object.entries(classes)) vi.stubGlobal(name, value);
  vi.stubGlobal("indexedDB", new fake.IDBFactory());
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe.each([
  ["on the device", deviceOutbox],
  ["in memory", memoryOutbox],
])("an outbox %s", (_, create) => {
  it("keeps each person's messages in the order of writing", async () => {
    const outbox = create();
    await outbox.put(entry("b", { createdAt: "2026-11-24T12:00:02.000Z" }));
    await outbox.put(entry("a", { createdAt: "2026-11-24T12:00:01.000Z" }));
    await outbox.put(entry("x", { userId: "someone-else" }));
    expect((await outbox.all("1")).map(({ clientMessageId }) => clientMessageId)).toEqual(["a", "b"]);
    expect(await outbox.all("someone-else")).toEqual([entry("x", { userId: "someone-else" })]);

    const error = { code: "forbidden", message: "No" };
    await outbox.put(entry("a", { error }));
    await outbox.remove("b");
    expect(await outbox.all(1)).toEqual([entry("a", { error })]);
  });
});

it("survives the page on the device", async () => {
  await deviceOutbox().put(entry("a"));
  expect(await deviceOutbox().all(1)).toEqual([entry("a")]);
});

it("falls back to memory where the device takes nothing", async () => {
  vi.stubGlobal("indexedDB", {
    open: () => {
      throw new DOMException("denied", "SecurityError");
    },
  });
  const outbox = defaultOutbox();
  await outbox.put(entry("a"));
  expect(await outbox.all(1)).toEqual([entry("a")]);
  await outbox.remove("a");
  expect(await outbox.all(1)).toEqual([]);
});
