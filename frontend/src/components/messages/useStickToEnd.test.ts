import { describe, expect, it } from "vitest";
import { readIntent } from "./useStickToEnd";

const END = { top: 600, height: 400, inner: 1000 };

describe("readIntent", () => {
  it("lets go when the reader moves up, however little", () => {
    expect(readIntent(END, { ...END, top: 597 })).toBe("release");
  });

  it("sticks when the reader comes down near the end", () => {
    expect(readIntent({ ...END, top: 500 }, { ...END, top: 580 })).toBe("stick");
    expect(readIntent({ ...END, top: 400 }, { ...END, top: 500 })).toBeNull();
  });

  it("takes it for nobody's will when the content or the window moved the view", () => {
    expect(readIntent(END, { top: 500, height: 400, inner: 920 })).toBeNull();
    expect(readIntent(END, { top: 500, height: 480, inner: 1000 })).toBeNull();
    expect(readIntent(END, { ...END, inner: 1400 })).toBeNull();
  });
});
