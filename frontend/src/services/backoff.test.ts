// @vitest-environment node
import { expect, it } from "vitest";
import { delayAfter } from "./backoff";

const backoff = { firstMs: 1_000, longestMs: 30_000 };

it("doubles up to the longest, and keeps between half and the whole", () => {
  const whole = [1, 2, 3, 4, 5, 6, 40].map((failures) => delayAfter(failures, backoff, () => 1));
  const half = [1, 2, 3, 4, 5, 6, 40].map((failures) => delayAfter(failures, backoff, () => 0));
  expect(whole).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  expect(half).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
});
