import { act, fireEvent, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Modal } from "./Modal";
import { Tooltip } from "./Tooltip";
import { expectNoViolations, renderIn, stopTheClock } from "./testHarness";

// Each on a day of its own: the next tooltip comes at once after the last one.
let day = 0;
beforeEach(() => stopTheClock(++day * 86_400_000));

function show() {
  const onKeyDown = vi.fn();
  const onOpenChange = vi.fn();
  renderIn(
    <Modal open onOpenChange={onOpenChange} title="Something">
      <Tooltip text="Search">
        <button type="button" aria-label="Search" onKeyDown={onKeyDown} />
      </Tooltip>
      <button type="button">Next</button>
    </Modal>,
  );
  const user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime, pointerEventsCheck: 0 });
  return { onKeyDown, onOpenChange, user, button: screen.getByRole("button", { name: "Search" }) };
}
const pass = (ms: number) => act(() => vi.advanceTimersByTime(ms));
const tooltip = () => screen.queryByText("Search");

describe("Tooltip", () => {
  it("comes when the pointer stays, and goes with it", async () => {
    const { user, button } = show();
    await user.hover(button);
    pass(400);
    expect(tooltip()).not.toBeInTheDocument();
    pass(200);
    expect(tooltip()).toBeVisible();
    expect(tooltip()).toHaveAttribute("aria-hidden", "true");
    await expectNoViolations();
    await user.unhover(button);
    expect(tooltip()).not.toBeInTheDocument();
    await user.hover(button);
    expect(await screen.findByText("Search")).toBeVisible();
  });

  it("does not come by touch, nor after a press", async () => {
    const { user, button } = show();
    fireEvent.pointerEnter(button, { pointerType: "touch" });
    pass(1_000);
    expect(tooltip()).not.toBeInTheDocument();
    await user.click(button);
    pass(1_000);
    expect(tooltip()).not.toBeInTheDocument();
  });

  it("is put away with Esc, which then does nothing else", async () => {
    const { user, button, onKeyDown, onOpenChange } = show();
    await user.hover(button);
    button.focus();
    pass(600);
    expect(tooltip()).toBeVisible();
    await user.keyboard("{Escape}");
    expect(tooltip()).not.toBeInTheDocument();
    expect(button).toHaveFocus();
    expect(onKeyDown).not.toHaveBeenCalled();
    expect(onOpenChange).not.toHaveBeenCalled();
    await user.keyboard("{Escape}");
    expect(onOpenChange).toHaveBeenCalledExactlyOnceWith(false);
  });
});
