import "@testing-library/jest-dom/vitest";
import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";

afterEach(cleanup);

// jsdom hides what has the attribute `popover` and cannot show it. This is enough of the API for us.
if (typeof HTMLElement !== "undefined") {
  HTMLElement.prototype.showPopover ??= function showPopover(this: HTMLElement) {
    this.removeAttribute("popover");
  };
}
