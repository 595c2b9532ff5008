import { cleanup, renderHook } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { preferences } from "../device/preferences";
import type { ShortcutId } from "./shortcuts";
import { useShortcuts } from "./useShortcuts";

function actionsOf(run: (id: ShortcutId) => void): Record<ShortcutId, () => void> {
  return {
    search: () => run("search"),
    newConversation: () => run("newConversation"),
    notifications: () => run("notifications"),
    previous: () => run("previous"),
    next: () => run("next"),
    settings: () => run("settings"),
    close: () => run("close"),
    help: () => run("help"),
  };
}

function listen() {
  const ran: ShortcutId[] = [];
  renderHook(() => useShortcuts(actionsOf((id) => ran.push(id))));
  return ran;
}

function press(init: KeyboardEventInit, target: EventTarget = document.body): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init });
  target.dispatchEvent(event);
  return event;
}

function add(html: string): Element {
  document.body.insertAdjacentHTML("beforeend", html);
  const added = document.body.lastElementChild;
  if (!added) throw new Error("nothing was added");
  return added;
}

afterEach(() => {
  cleanup();
  document.body.replaceChildren();
  preferences.change({ singleKeys: true });
});

describe("shortcuts", () => {
  it.each([
    [{ key: "/" }, "search"],
    [{ key: "k", ctrlKey: true }, "search"],
    [{ key: "K", metaKey: true }, "search"],
    [{ key: "n" }, "newConversation"],
    [{ key: "b" }, "notifications"],
    [{ key: "," }, "settings"],
    [{ key: "?", shiftKey: true }, "help"],
    [{ key: "ArrowUp", altKey: true }, "previous"],
    [{ key: "ArrowDown", altKey: true }, "next"],
    [{ key: "Escape" }, "close"],
  ] as const)("%o runs %s", (init, id) => {
    const ran = listen();
    expect(press(init).defaultPrevented).toBe(true);
    expect(ran).toEqual([id]);
  });

  it.each([{ key: "n", ctrlKey: true }, { key: "b", metaKey: true }, { key: "ArrowUp" }, { key: "x" }])(
    "%o is left to the browser",
    (init) => {
      const ran = listen();
      expect(press(init).defaultPrevented).toBe(false);
      expect(ran).toEqual([]);
    },
  );

  it("of a single key do nothing while typing; those with Ctrl or Alt do", () => {
    const ran = listen();
    const field = add("<textarea></textarea>");
    press({ key: "n" }, field);
    press({ key: "?" }, field);
    press({ key: "k", ctrlKey: true }, field);
    press({ key: "ArrowDown", altKey: true }, field);
    expect(ran).toEqual(["search", "next"]);
  });

  it("work on a checkbox, which takes no text", () => {
    const ran = listen();
    press({ key: "n" }, add('<input type="checkbox">'));
    expect(ran).toEqual(["newConversation"]);
  });

  it("leave Escape to a search field that holds text", () => {
    const ran = listen();
    press({ key: "Escape" }, add('<input type="search" value="juan">'));
    press({ key: "Escape" }, add('<input type="search">'));
    expect(ran).toEqual(["close"]);
  });

  it.each(["dialog", "alertdialog", "menu"])("leave the keyboard to an open %s", (role) => {
    const ran = listen();
    add(`<div role="${role}"></div>`);
    press({ key: "n" });
    press({ key: "Escape" });
    expect(ran).toEqual([]);
  });

  it("have the keyboard again while a dialog fades out", () => {
    const ran = listen();
    add('<div role="dialog" data-state="closed"></div>');
    press({ key: "n" });
    expect(ran).toEqual(["newConversation"]);
  });

  it("of a single key can be turned off (WCAG 2.1.4)", () => {
    preferences.change({ singleKeys: false });
    const ran = listen();
    press({ key: "n" });
    press({ key: "k", ctrlKey: true });
    expect(ran).toEqual(["search"]);
  });

  it("respect who handled a key before, and an input method at work", () => {
    const ran = listen();
    const handled = add("<button></button>");
    handled.addEventListener("keydown", (event) => event.preventDefault());
    press({ key: "n" }, handled);
    press({ key: "n", isComposing: true });
    expect(ran).toEqual([]);
  });

  it("stop with whoever listens", () => {
    const run = vi.fn();
    renderHook(() => useShortcuts(actionsOf(run))).unmount();
    press({ key: "n" });
    expect(run).not.toHaveBeenCalled();
  });
});
