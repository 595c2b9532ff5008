import { expect, it, vi } from "vitest";
import { createTurns, turnsOf } from "./turns";

function gate() {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, passed };
}

it("runs tasks one after the other", async () => {
  const inTurn = createTurns();
  const first = gate();
  const second = vi.fn(async () => {});
  const one = inTurn("one", () => first.passed);
  const two = inTurn("two", second);
  await Promise.resolve();
  expect(second).not.toHaveBeenCalled();
  first.open();
  await Promise.all([one, two]);
  expect(second).toHaveBeenCalledOnce();
});

it("runs a task of the same name once, until it is done", async () => {
  const inTurn = createTurns();
  const task = vi.fn(async () => {});
  await Promise.all([inTurn("load", task), inTurn("load", task)]);
  expect(task).toHaveBeenCalledTimes(1);
  await inTurn("load", task);
  expect(task).toHaveBeenCalledTimes(2);
});

it("goes on after a failure", async () => {
  const inTurn = createTurns();
  await inTurn("bad", async () => Promise.reject(new Error("no")));
  const task = vi.fn(async () => {});
  await inTurn("good", task);
  expect(task).toHaveBeenCalledOnce();
});

it("has one queue for each owner", () => {
  const owner = {};
  expect(turnsOf(owner)).toBe(turnsOf(owner));
  expect(turnsOf({})).not.toBe(turnsOf(owner));
});
