// @vitest-environment node
import { expect, it } from "vitest";
import { Failure, failureOf, failureOfCode, isLasting, offline, toFailure } from "./failure";

it("reads an envelope's error, and takes what it cannot read for `internal`", () => {
  const error = { code: "rate_limited", message: "Slowly", details: { a: 1 }, retryable: true, request_id: "r" };
  expect(failureOf({ ok: false, error })).toMatchObject({ code: "rate_limited", retryable: true, details: { a: 1 } });
  expect(failureOf("<html>")).toMatchObject({ code: "internal", retryable: false });
  expect(failureOf({ error: { code: "toString" } })).toMatchObject({ code: "internal" });
});

it("makes failures of codes that are errors only", () => {
  expect(failureOfCode("token_expired")).toMatchObject({ code: "token_expired", retryable: false });
  expect(failureOfCode("draining")).toBeNull();
});

it("does not take trouble with the token for a lasting refusal of what was asked", () => {
  const lasting = (code: ConstructorParameters<typeof Failure>[0]) => isLasting(new Failure(code, "", false));
  expect(["forbidden", "payload_too_large", "internal"].map((code) => lasting(code as "forbidden"))).toEqual([
    true,
    true,
    true,
  ]);
  expect(["token_expired", "unauthenticated", "revoked"].map((code) => lasting(code as "revoked"))).toEqual([
    false,
    false,
    false,
  ]);
  expect(isLasting(offline())).toBe(false);
});

it("takes whatever a host throws for something that may pass", () => {
  expect(toFailure(new Error("login page is away"))).toMatchObject({ code: "unavailable", retryable: true });
  const failure = offline();
  expect(toFailure(failure)).toBe(failure);
});
