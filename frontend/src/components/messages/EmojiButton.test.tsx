import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Composer } from "./Composer";
import { renderIn } from "./testing";

const picker = vi.hoisted(() => ({ fails: false }));

// What Frimousse does with its data is its own affair (it needs a canvas); here it is what we do with an emoji.
vi.mock("./EmojiPicker", () => ({
  default: function Picker({ onPick }: { onPick: (emoji: string) => void }) {
    if (picker.fails) throw new Error("offline");
    return (
      <button type="button" onClick={() => onPick("👍")}>
        pick
      </button>
    );
  },
}));

function show(draft: string) {
  const onDraftChange = vi.fn();
  const user = userEvent.setup();
  renderIn("es", <Composer name="Juan" draft={draft} onDraftChange={onDraftChange} onSend={vi.fn()} />);
  return { user, onDraftChange, field: screen.getByRole<HTMLTextAreaElement>("textbox") };
}

beforeEach(() => {
  picker.fails = false;
  vi.stubGlobal("ResizeObserver", undefined);
});

describe("EmojiButton", () => {
  it("puts emojis at the caret, one after the other, and gives the focus back", async () => {
    const { user, field, onDraftChange } = show("Hola mundo");
    field.setSelectionRange(4, 4);
    await user.click(screen.getByRole("button", { name: "Emojis" }));
    const pick = await screen.findByRole("button", { name: "pick" });
    await user.click(pick);
    await user.click(pick);
    expect(onDraftChange).toHaveBeenLastCalledWith("Hola👍👍 mundo");
    await user.keyboard("{Escape}");
    await waitFor(() => expect(field).toHaveFocus());
    expect(field.selectionStart).toBe("Hola👍👍".length);
  });

  it("is a dialog of its button, which has the focus again when nothing was picked", async () => {
    const { user } = show("Hola");
    const button = screen.getByRole("button", { name: "Emojis" });
    expect(button).toHaveAttribute("aria-haspopup", "dialog");
    expect(button).toHaveAttribute("aria-expanded", "false");
    await user.click(button);
    const dialog = screen.getByRole("dialog", { name: "Elegir un emoji" });
    expect(button).toHaveAttribute("aria-expanded", "true");
    expect(dialog).toContainElement(await screen.findByRole("button", { name: "pick" }));
    expect(dialog).toHaveFocus();
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("dialog")).not.toBeInTheDocument();
    expect(button).toHaveFocus();
  });

  it("replaces what is selected", async () => {
    const { user, field } = show("Hola mundo");
    field.setSelectionRange(5, 10);
    await user.click(screen.getByRole("button", { name: "Emojis" }));
    await user.click(await screen.findByRole("button", { name: "pick" }));
    expect(field).toHaveValue("Hola 👍");
  });

  it("says so when the picker cannot load, and the composer stays", async () => {
    picker.fails = true;
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { user, field } = show("Hola");
    await user.click(screen.getByRole("button", { name: "Emojis" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("No se pudieron cargar los emojis");
    expect(field).toHaveValue("Hola");
  });
});
