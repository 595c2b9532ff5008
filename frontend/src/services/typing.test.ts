// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ME, OTHER } from "../testing/factories";
import { createFakeLine, type FakeLine } from "../testing/fakeLine";
import { TypingIn, TypingOut } from "./typing";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const names = (line: FakeLine) => line.asked.map(({ name }) => name);

describe("TypingIn", () => {
  const event = (is_typing: boolean, user_id = OTHER) => ({ user_id, user_name: "Juan", thread_id: "t1", is_typing });

  it("shows who types until they stop, or nothing more is heard for eight seconds", () => {
    const typing = new TypingIn(() => ME);
    typing.hear(event(true));
    expect(typing.getSnapshot().users).toEqual([{ userId: OTHER, userName: "Juan", threadId: "t1" }]);
    typing.hear(event(false));
    expect(typing.getSnapshot().users).toEqual([]);

    typing.hear(event(true));
    vi.advanceTimersByTime(7_000);
    const renewed = typing.getSnapshot();
    typing.hear(event(true));
    expect(typing.getSnapshot()).toBe(renewed);
    vi.advanceTimersByTime(7_999);
    expect(typing.getSnapshot().users).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(typing.getSnapshot().users).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not show ourselves on another device, nor whose message came", () => {
    const typing = new TypingIn(() => ME);
    typing.hear(event(true, ME));
    expect(typing.getSnapshot().users).toEqual([]);
    typing.hear(event(true));
    typing.stopped("t1", OTHER);
    expect(typing.getSnapshot().users).toEqual([]);
  });

  it("leaves no timer behind", () => {
    const typing = new TypingIn(() => ME);
    typing.hear(event(true));
    typing.clear();
    expect(typing.getSnapshot().users).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("TypingOut", () => {
  it("tells at most every three seconds, and the end after a pause of four", () => {
    const line = createFakeLine();
    const typing = new TypingOut(line);
    for (let stroke = 0; stroke < 10; stroke += 1) {
      typing.start("t1");
      vi.advanceTimersByTime(500);
    }
    expect(names(line)).toEqual(["typing_start", "typing_start"]);
    vi.advanceTimersByTime(3_500);
    expect(names(line)).toEqual(["typing_start", "typing_start", "typing_stop"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("tells the end once, and only if it told the beginning", () => {
    const line = createFakeLine();
    const typing = new TypingOut(line);
    typing.stop("t1");
    typing.start("t1");
    typing.stop("t1");
    typing.stop("t1");
    expect(names(line)).toEqual(["typing_start", "typing_stop"]);
  });

  it("is silent without a connection", () => {
    const line = createFakeLine();
    line.isWhole = false;
    const typing = new TypingOut(line);
    typing.start("t1");
    expect(line.asked).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
