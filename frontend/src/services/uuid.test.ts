// @vitest-environment node
import { afterEach, expect, it, vi } from "vitest";
import { uuid } from "./uuid";

afterEach(() => {
  vi.unstubAllGlobals();
});

it("makes UUIDs, also on pages without TLS", () => {
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  expect(uuid()).toMatch(form);
  const { crypto } = globalThis;
  vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) });
  const made = new Set(Array.from({ length: 50 }, uuid));
  expect(made.size).toBe(50);
  for (const id of made) expect(id).toMatch(form);
});
