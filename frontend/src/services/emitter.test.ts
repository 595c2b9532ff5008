// @vitest-environment node
import { expect, it, vi } from "vitest";
import { Emitter } from "./emitter";

it("tells those who listen, also when one of them throws or leaves meanwhile", () => {
  const report = vi.fn();
  vi.stubGlobal("reportError", report);
  const emitter = new Emitter<number>();
  const last = vi.fn();
  emitter.on(() => {
    throw new Error("broken listener");
  });
  emitter.on(() => leave());
  const leave = emitter.on(last);

  emitter.emit(1);
  expect(report).toHaveBeenCalledOnce();
  expect(last).not.toHaveBeenCalled();
  vi.unstubAllGlobals();
});

it("counts the same function twice if it listens twice", () => {
  const emitter = new Emitter<number>();
  const listener = vi.fn();
  const leave = emitter.on(listener);
  emitter.on(listener);
  leave();
  emitter.emit(1);
  expect(listener).toHaveBeenCalledOnce();
});
