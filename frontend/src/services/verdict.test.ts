// @vitest-environment node
import { expect, it } from "vitest";
import type { ErrorCode } from "../types/generated/contract";
import { Failure, offline } from "./failure";
import { verdictOnLoss, verdictOnRefusal } from "./verdict";

const no = (code: ErrorCode, retryable = false) => new Failure(code, code, retryable);
const closing = (code: string, retryable: boolean) => ({ code, retryable, reconnect_after_ms: null });

it("asks once for another token, then gives up", () => {
  expect(verdictOnRefusal(no("token_expired"), false)).toBe("fresh");
  expect(verdictOnRefusal(no("unauthenticated"), false)).toBe("fresh");
  expect(verdictOnRefusal(no("unauthenticated"), true)).toBe("never");
});

it("gives up on lasting refusals, and backs off on what may pass or cannot be read", () => {
  expect(verdictOnRefusal(no("revoked"), false)).toBe("never");
  expect(verdictOnRefusal(no("not_found"), false)).toBe("never");
  expect(verdictOnRefusal(no("unavailable", true), false)).toBe("later");
  expect(verdictOnRefusal(no("internal"), false)).toBe("later");
});

it("believes what the server said before it closed", () => {
  expect(verdictOnLoss(offline(), null)).toMatchObject({ verdict: "later", failure: { code: "offline" } });
  expect(verdictOnLoss(offline(), closing("draining", true))).toMatchObject({ verdict: "later" });
  expect(verdictOnLoss(offline(), closing("token_expired", false))).toMatchObject({ verdict: "fresh" });
  expect(verdictOnLoss(offline(), closing("revoked", false))).toMatchObject({
    verdict: "never",
    failure: { code: "revoked" },
  });
});
