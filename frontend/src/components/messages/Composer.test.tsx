import { fireEvent, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Composer, type ComposerProps } from "./Composer";
import { expectAccessible, renderIn } from "./testing";
import { LONGEST_MESSAGE } from "./useComposerText";

function show(props: Partial<ComposerProps> = {}) {
  const calls = { onDraftChange: vi.fn(), onSend: vi.fn(), onTyping: vi.fn(), onStopTyping: vi.fn() };
  const user = userEvent.setup();
  const result = renderIn("es", <Composer name="Juan" draft="" {...calls} {...props} />);
  const field = screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Mensaje para Juan" });
  return { ...result, ...calls, user, field };
}

function onTouch() {
  vi.stubGlobal("matchMedia", (query: string) => ({ matches: query.includes("coarse") }));
}

afterEach(() => vi.unstubAllGlobals());

describe("Composer", () => {
  it("sends on Enter, trimmed, empties itself and keeps the focus", async () => {
    const { user, field, onSend, onDraftChange, onStopTyping } = show();
    await user.type(field, "  Hola {Enter}");
    expect(onSend).toHaveBeenCalledExactlyOnceWith("Hola");
    expect(field).toHaveValue("");
    expect(field).toHaveFocus();
    expect(onDraftChange).toHaveBeenLastCalledWith("");
    expect(onStopTyping).toHaveBeenCalled();
  });

  it("begins a line on Shift+Enter", async () => {
    const { user, field, onSend } = show();
    await user.type(field, "uno{Shift>}{Enter}{/Shift}dos");
    expect(field).toHaveValue("uno\ndos");
    expect(onSend).not.toHaveBeenCalled();
  });

  it("leaves the Enter of an input method alone", () => {
    const { field, onSend } = show({ draft: "にほん" });
    fireEvent.keyDown(field, { key: "Enter", isComposing: true });
    fireEvent.keyDown(field, { key: "Enter", keyCode: 229 });
    expect(onSend).not.toHaveBeenCalled();
    fireEvent.keyDown(field, { key: "Enter" });
    expect(onSend).toHaveBeenCalledOnce();
  });

  it("gives Enter to the text on a touch keyboard, and sends by the button", async () => {
    onTouch();
    const { user, field, onSend } = show();
    await user.type(field, "uno{Enter}dos");
    expect(onSend).not.toHaveBeenCalled();
    await user.click(screen.getByRole("button", { name: "Enviar" }));
    expect(onSend).toHaveBeenCalledExactlyOnceWith("uno\ndos");
    expect(field).toHaveFocus();
  });

  it("sends nothing blank", async () => {
    const { user, field, onSend } = show();
    await user.type(field, "   {Enter}");
    await user.click(screen.getByRole("button", { name: "Enviar" }));
    expect(onSend).not.toHaveBeenCalled();
    expect(screen.getByRole("button", { name: "Enviar" })).toHaveAttribute("aria-disabled", "true");
  });

  it("counts code points from 3,600 on, and refuses more than 4,000", async () => {
    const { user, field, onSend, container } = show({ draft: "👍".repeat(LONGEST_MESSAGE - 1) });
    expect(screen.getByText("Queda 1 carácter")).toBeInTheDocument();
    expect(field).toHaveAccessibleDescription("Queda 1 carácter");
    await user.type(field, "ab");
    expect(screen.getByRole("alert")).toHaveTextContent("sobra 1 carácter");
    expect(field).toBeInvalid();
    await user.type(field, "{Enter}");
    expect(onSend).not.toHaveBeenCalled();
    await expectAccessible(container);
    await user.type(field, "{Backspace}{Enter}");
    expect(onSend).toHaveBeenCalledExactlyOnceWith(`${"👍".repeat(LONGEST_MESSAGE - 1)}a`);
  });

  it("says nothing of a length that is far from the limit", () => {
    show({ draft: "x".repeat(3599) });
    expect(screen.queryByText(/Quedan/)).not.toBeInTheDocument();
  });

  it("begins with the draft and tells each change of it", async () => {
    const { user, field, onDraftChange, onTyping } = show({ draft: "Buenas" });
    expect(field).toHaveValue("Buenas");
    await user.type(field, "!");
    expect(onDraftChange).toHaveBeenLastCalledWith("Buenas!");
    expect(onTyping).toHaveBeenCalledOnce();
  });

  it("stops typing when it is emptied and when it is left", async () => {
    const { user, field, onStopTyping } = show({ draft: "a" });
    await user.type(field, "{Backspace}");
    expect(onStopTyping).toHaveBeenCalledOnce();
    await user.tab();
    expect(onStopTyping).toHaveBeenCalledTimes(2);
  });

  it("leaves Escape and the arrows to others", async () => {
    const { user, field, onDraftChange } = show({ draft: "hola" });
    await user.type(field, "{Escape}{ArrowUp}");
    expect(field).toHaveValue("hola");
    expect(onDraftChange).not.toHaveBeenCalled();
  });

  it("is accessible", async () => {
    await expectAccessible(show({ draft: "hola" }).container);
  });
});
