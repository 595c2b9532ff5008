import { fireEvent, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { Popover, usePopover } from "./Popover";
import { expectNoViolations, renderIn } from "./testHarness";

function Sample() {
  const { anchor, isOpen, close, trigger } = usePopover("dialog");
  return (
    <main>
      <button {...trigger} type="button">
        Filters
      </button>
      {isOpen ? (
        <Popover
          anchor={anchor}
          placement={{ side: "bottom", align: "start" }}
          onClose={close}
          role="dialog"
          aria-label="Filters"
        >
          <input aria-label="City" />
        </Popover>
      ) : null}
      <a href="#elsewhere">Elsewhere</a>
    </main>
  );
}

function show() {
  renderIn(<Sample />);
  return { user: userEvent.setup(), button: screen.getByRole("button", { name: "Filters" }) };
}
const box = () => screen.getByRole("dialog", { name: "Filters" });

describe("Popover", () => {
  it("takes the focus, and gives it back when it closes", async () => {
    const { user, button } = show();
    await user.click(button);
    expect(box()).toHaveFocus();
    await expectNoViolations();
    await user.tab();
    expect(screen.getByRole("textbox", { name: "City" })).toHaveFocus();
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("dialog")).not.toBeInTheDocument();
    expect(button).toHaveFocus();
  });

  it("closes when the browser has closed it, by a press elsewhere", async () => {
    const { user, button } = show();
    await user.click(button);
    fireEvent(box(), Object.assign(new Event("toggle"), { newState: "closed" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).not.toBeInTheDocument());
    expect(button).toHaveAttribute("aria-expanded", "false");
  });

  it("closes when Tab leaves it, and the focus goes on", async () => {
    const { user, button } = show();
    await user.click(button);
    await user.tab();
    await user.tab();
    expect(screen.queryByRole("dialog")).not.toBeInTheDocument();
    expect(screen.getByRole("link", { name: "Elsewhere" })).toHaveFocus();
  });

  it("stays beside its button when the window changes", async () => {
    const { user, button } = show();
    const at = vi.spyOn(button, "getBoundingClientRect").mockReturnValue(new DOMRect(200, 100, 80, 30));
    await user.click(button);
    expect(box()).toHaveStyle({ left: "200px", top: "136px" });
    at.mockReturnValue(new DOMRect(200, 300, 80, 30));
    fireEvent(window, new Event("resize"));
    expect(box()).toHaveStyle({ left: "200px", top: "336px" });
  });
});
