import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { follow, goBack, goTo, useNavigation, usePlace } from "./useNavigation";

function here() {
  return location.pathname + location.search;
}

function useHere(isRoomy: boolean) {
  return useNavigation(usePlace(), isRoomy);
}

afterEach(cleanup);
beforeEach(() => history.replaceState(null, "", "/"));

describe("going back", () => {
  it("is a step back after coming from the inbox", async () => {
    goTo("/t/t1");
    const length = history.length;
    goBack();
    await vi.waitFor(() => expect(here()).toBe("/"));
    expect(history.length).toBe(length);
  });

  it("leads to the inbox from a deep link", () => {
    history.replaceState(null, "", "/t/t1");
    goTo("/t/t2");
    goBack();
    expect(here()).toBe("/");
  });
});

describe("an address to follow", () => {
  it("stays within the app if it is ours", () => {
    const open = vi.spyOn(window, "open").mockReturnValue(null);
    follow("/t/t7?message=2");
    expect(here()).toBe("/t/t7?message=2");
    expect(open).not.toHaveBeenCalled();
  });

  it("opens another tab otherwise, without a way back to us", () => {
    const open = vi.spyOn(window, "open").mockReturnValue(null);
    follow("https://other.example/x");
    follow("javascript:alert(1)");
    expect(here()).toBe("/");
    expect(open.mock.calls).toEqual([["https://other.example/x", "_blank", "noopener,noreferrer"]]);
  });
});

describe("details", () => {
  it("stay open in the next thread where there is room", () => {
    history.replaceState(null, "", "/t/t1?details=1");
    const { result } = renderHook(() => useHere(true));
    act(() => result.current.openThread("t2"));
    expect(here()).toBe("/t/t2?details=1");
  });

  it("close with the browser's back button where they cover the chat", async () => {
    history.replaceState(null, "", "/t/t1");
    const { result } = renderHook(() => useHere(false));
    act(() => result.current.setDetails(true));
    expect(here()).toBe("/t/t1?details=1");
    act(() => result.current.setDetails(false));
    await vi.waitFor(() => expect(here()).toBe("/t/t1"));
  });

  it("leave no step in the history where they stand beside the chat", () => {
    history.replaceState(null, "", "/t/t1");
    const { result } = renderHook(() => useHere(true));
    const length = history.length;
    act(() => result.current.setDetails(true));
    expect(here()).toBe("/t/t1?details=1");
    act(() => result.current.setDetails(false));
    expect(here()).toBe("/t/t1");
    expect(history.length).toBe(length);
  });
});
