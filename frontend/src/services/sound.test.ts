// @vitest-environment node
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createChime } from "./sound";

const started = vi.fn();
const resume = vi.fn(async () => {});
let state: AudioContextState;

class FakeAudioContext {
  readonly currentTime = 5;
  readonly destination = {};
  readonly resume = resume;
  get state() {
    return state;
  }
  createOscillator() {
    return { type: "", frequency: { value: 0 }, connect: (node: unknown) => node, start: started, stop: () => {} };
  }
  createGain() {
    const gain = { setValueAtTime() {}, linearRampToValueAtTime() {}, exponentialRampToValueAtTime() {} };
    return { gain, connect: () => {} };
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.clearAllMocks();
  state = "running";
  vi.stubGlobal("AudioContext", FakeAudioContext);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("plays two notes, and not again for a while", () => {
  const chime = createChime();
  chime();
  chime();
  expect(started.mock.calls).toEqual([[5], [5.12]]);
  vi.advanceTimersByTime(1_500);
  chime();
  expect(started).toHaveBeenCalledTimes(4);
});

it("is silent until the person touched the page", () => {
  const chime = createChime();
  state = "suspended";
  chime();
  expect(started).not.toHaveBeenCalled();
  expect(resume).toHaveBeenCalledOnce();
  state = "running";
  chime();
  expect(started).toHaveBeenCalledTimes(2);
});

it("is silent without WebAudio", () => {
  vi.unstubAllGlobals();
  expect(() => createChime()()).not.toThrow();
});
