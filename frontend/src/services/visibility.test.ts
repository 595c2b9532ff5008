import { expect, it, vi } from "vitest";
import { onNetworkBack, pageVisibility } from "./visibility";

it("follows the page", () => {
  const state = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  const listener = vi.fn();
  const visibility = pageVisibility();
  const leave = visibility.subscribe(listener);
  expect(visibility.isVisible()).toBe(false);
  state.mockReturnValue("visible");
  document.dispatchEvent(new Event("visibilitychange"));
  expect(listener).toHaveBeenCalledOnce();
  expect(visibility.isVisible()).toBe(true);
  leave();
  document.dispatchEvent(new Event("visibilitychange"));
  expect(listener).toHaveBeenCalledOnce();
});

it("hears the network come back", () => {
  const listener = vi.fn();
  const leave = onNetworkBack(listener);
  window.dispatchEvent(new Event("online"));
  leave();
  window.dispatchEvent(new Event("online"));
  expect(listener).toHaveBeenCalledOnce();
});
