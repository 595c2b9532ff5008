import { fireEvent, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { Menu, MenuItem } from "./Menu";
import { usePopover } from "./Popover";
import { expectNoViolations, renderIn } from "./testHarness";

function Sample({ onCut }: { readonly onCut: () => void }) {
  const { anchor, isOpen, close, trigger } = usePopover("menu");
  return (
    <main>
      <button {...trigger} type="button">
        Edit
      </button>
      {isOpen ? (
        <Menu anchor={anchor} placement={{ side: "bottom" }} onClose={close} aria-label="Edit">
          <MenuItem onSelect={onCut}>Cut</MenuItem>
          <MenuItem onSelect={close}>Copy</MenuItem>
          <MenuItem onSelect={close}>Paste</MenuItem>
        </Menu>
      ) : null}
      <button type="button">Elsewhere</button>
    </main>
  );
}

function show() {
  const onCut = vi.fn();
  renderIn(<Sample onCut={onCut} />);
  return { onCut, user: userEvent.setup(), button: screen.getByRole("button", { name: "Edit" }) };
}

const item = (name: string) => screen.getByRole("menuitem", { name });

describe("Menu", () => {
  it("is worked by keyboard alone", async () => {
    const { user, button, onCut } = show();
    expect(button).toHaveAttribute("aria-expanded", "false");
    button.focus();
    await user.keyboard("{Enter}");
    expect(button).toHaveAttribute("aria-expanded", "true");
    expect(item("Cut")).toHaveFocus();
    await user.keyboard("{ArrowDown}");
    expect(item("Copy")).toHaveFocus();
    await user.keyboard("{End}");
    expect(item("Paste")).toHaveFocus();
    await user.keyboard("{ArrowDown}");
    expect(item("Cut")).toHaveFocus();
    await user.keyboard("{ArrowUp}");
    expect(item("Paste")).toHaveFocus();
    await user.keyboard("{Home}{Enter}");
    expect(onCut).toHaveBeenCalledOnce();
    await expectNoViolations();
  });

  it("closes on Esc and gives the focus back to its button", async () => {
    const { user, button } = show();
    await user.click(button);
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("menu")).not.toBeInTheDocument();
    expect(button).toHaveFocus();
  });

  it("closes when the focus goes elsewhere, and leaves it there", async () => {
    const { user, button } = show();
    await user.click(button);
    const elsewhere = screen.getByRole("button", { name: "Elsewhere" });
    elsewhere.focus();
    expect(await screen.findByRole("button", { name: "Edit", expanded: false })).toBe(button);
    expect(elsewhere).toHaveFocus();
  });

  it("closes by a second press of its button, though the browser has closed it by then", async () => {
    const { button } = show();
    const press = () => {
      fireEvent.pointerDown(button);
      const menu = screen.queryByRole("menu");
      if (menu) fireEvent(menu, Object.assign(new Event("toggle"), { newState: "closed" }));
      fireEvent.click(button, { detail: 1 });
    };
    press();
    expect(screen.getByRole("menu")).toBeVisible();
    press();
    expect(screen.queryByRole("menu")).not.toBeInTheDocument();
  });
});
