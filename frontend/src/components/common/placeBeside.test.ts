import { describe, expect, it } from "vitest";
import { placeBeside } from "./placeBeside";

const WINDOW = { width: 400, height: 300 };
const BOX = { width: 100, height: 40 };
const anchor = (left: number, top: number) => new DOMRect(left, top, 20, 20);

describe("placeBeside", () => {
  it("centres the box on the side that is asked for", () => {
    expect(placeBeside(anchor(200, 100), BOX, WINDOW, { side: "bottom" })).toEqual({ left: 160, top: 126 });
    expect(placeBeside(anchor(200, 100), BOX, WINDOW, { side: "top" })).toEqual({ left: 160, top: 54 });
    expect(placeBeside(anchor(200, 100), BOX, WINDOW, { side: "left" })).toEqual({ left: 94, top: 90 });
    expect(placeBeside(anchor(200, 100), BOX, WINDOW, { side: "right" })).toEqual({ left: 226, top: 90 });
  });

  it("lines it up with either end of the anchor", () => {
    expect(placeBeside(anchor(200, 100), BOX, WINDOW, { side: "bottom", align: "start" }).left).toBe(200);
    expect(placeBeside(anchor(200, 100), BOX, WINDOW, { side: "bottom", align: "end" }).left).toBe(120);
  });

  it("takes the other side where only that has room, and never leaves the window", () => {
    expect(placeBeside(anchor(200, 270), BOX, WINDOW, { side: "bottom" }).top).toBe(224);
    expect(placeBeside(anchor(380, 100), BOX, WINDOW, { side: "bottom" }).left).toBe(292);
    expect(placeBeside(anchor(0, 100), BOX, WINDOW, { side: "bottom" }).left).toBe(8);
  });
});
