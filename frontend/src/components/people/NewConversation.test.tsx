import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { aPresence, aThread, aUser, ME } from "../../testing/factories";
import { createFakeClient } from "../../testing/fakeClient";
import { expectNoViolations, renderWithClient, stopTheClock } from "../common/testHarness";
import { NewConversation } from "./NewConversation";

const JUAN = aUser();
const LUCIA = aUser({ id: 3, display_name: "Lucía Fernández" });
const PLUMBER = aUser({ id: 4, display_name: "Fontanería Ríos" });
const EVERYONE = [aUser({ id: ME, display_name: "María García" }), JUAN, LUCIA, PLUMBER];

function Host({ onOpened }: { onOpened: (threadId: string) => void }) {
  const [open, setOpen] = useState(true);
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        Write
      </button>
      <NewConversation open={open} onOpenChange={setOpen} onOpened={onOpened} />
    </>
  );
}

async function show(people: (query: string) => ReturnType<typeof aUser>[] = () => EVERYONE) {
  const client = createFakeClient({ presence: { users: new Map([["2", aPresence()]]) } });
  client.people.mockImplementation(async (query) => ({ people: people(query), next_cursor: null }));
  const onOpened = vi.fn();
  renderWithClient(<Host onOpened={onOpened} />, client);
  const user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime });
  await waitFor(() => expect(client.people).toHaveBeenCalled());
  return { client, onOpened, user };
}
const search = () => screen.getByRole("combobox", { name: "Search people" });
const option = (name: RegExp) => screen.findByRole("option", { name });
const create = (name: RegExp) => screen.getByRole("button", { name });
const active = () => {
  const id = search().getAttribute("aria-activedescendant");
  return id === null ? null : document.getElementById(id)?.textContent;
};

beforeEach(() => {
  HTMLElement.prototype.scrollIntoView = vi.fn();
  return stopTheClock();
});

describe("the search", () => {
  it("has the focus, and lists others with their presence", async () => {
    await show();
    expect(search()).toHaveFocus();
    expect(await option(/Juan Pérez/)).toHaveAccessibleName(/Online/);
    expect(screen.getAllByRole("option").map((one) => one.getAttribute("aria-selected"))).toEqual([
      "false",
      "false",
      "false",
    ]);
    expect(screen.queryByRole("option", { name: /María/ })).not.toBeInTheDocument();
    await expectNoViolations();
  });

  it("asks the server, and Enter takes the best match", async () => {
    const { client, user } = await show((query) => EVERYONE.filter((one) => one.display_name.includes(query)));
    await option(/Juan/);
    await user.type(search(), "Luc");
    await waitFor(() => expect(screen.getAllByRole("option")).toHaveLength(1));
    expect(client.people).toHaveBeenLastCalledWith("Luc", null);
    await waitFor(() => expect(active()).toContain("Lucía"));
    await user.keyboard("{Enter}");
    expect(search()).toHaveValue("");
    expect(screen.getByRole("button", { name: "Remove Lucía Fernández" })).toBeVisible();
  });

  it("says that nobody was found", async () => {
    const { user } = await show((query) => (query === "" ? EVERYONE : []));
    await user.type(search(), "zzz");
    expect(await screen.findByText("Check the spelling, or try a part of it.")).toBeVisible();
    expect(search()).toHaveAttribute("aria-expanded", "false");
    await expectNoViolations();
  });

  it("says that there is nobody yet", async () => {
    await show(() => []);
    expect(await screen.findByText("There is nobody to write to yet")).toBeVisible();
  });

  it("says what went wrong, and tries again", async () => {
    const { client, user } = await show(() => {
      throw Object.assign(new Error("The server is busy."), { code: "forbidden", retryable: false, details: {} });
    });
    expect(await screen.findByRole("alert")).toHaveTextContent("The server is busy.");
    client.people.mockResolvedValue({ people: EVERYONE, next_cursor: null });
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(await option(/Juan/)).toBeVisible();
  });
});

describe("the keyboard", () => {
  it("moves by arrows, chooses by Enter, takes back by Backspace, and never leaves the field", async () => {
    const { user } = await show();
    await option(/Juan/);
    await user.keyboard("{ArrowDown}{ArrowDown}{Enter}");
    expect(await option(/Lucía/)).toHaveAttribute("aria-selected", "true");
    await user.keyboard("{ArrowUp}{Enter}");
    expect(await option(/Juan/)).toHaveAttribute("aria-selected", "true");
    await user.keyboard("{ArrowUp}{ArrowUp}");
    expect(active()).toContain("Juan");
    await user.keyboard("{ArrowDown}{ArrowDown}{ArrowDown}{ArrowDown}");
    expect(active()).toContain("Fontanería");
    await user.keyboard("{Backspace}");
    expect(await option(/Juan/)).toHaveAttribute("aria-selected", "false");
    expect(search()).toHaveFocus();
  });

  it("loads more at the end of the list", async () => {
    const client = createFakeClient();
    client.people.mockImplementation(async (_query, cursor) =>
      cursor ? { people: [PLUMBER], next_cursor: null } : { people: [JUAN], next_cursor: "next" },
    );
    renderWithClient(<Host onOpened={vi.fn()} />, client);
    const user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime });
    await option(/Juan/);
    await user.keyboard("{ArrowDown}{ArrowDown}");
    expect(await option(/Fontanería/)).toBeVisible();
  });
});

describe("creating", () => {
  it("says what is missing instead of doing it", async () => {
    const { client, user } = await show();
    await option(/Juan/);
    expect(create(/Open conversation/)).toHaveAttribute("aria-disabled", "true");
    expect(create(/Open conversation/)).toHaveAccessibleDescription("Choose at least one person.");
    await user.click(create(/Open conversation/));
    expect(client.threads.create).not.toHaveBeenCalled();
  });

  it("a direct conversation with one person", async () => {
    const { client, user, onOpened } = await show();
    client.threads.create.mockResolvedValue(aThread({ id: "t9" }));
    await user.click(await option(/Juan/));
    await user.click(create(/Open conversation/));
    await waitFor(() => expect(onOpened).toHaveBeenCalledExactlyOnceWith("t9"));
    expect(client.threads.create).toHaveBeenCalledExactlyOnceWith({ kind: "direct", participant_ids: [2] });
    await waitFor(() => expect(screen.queryByRole("dialog")).not.toBeInTheDocument());
  });

  it("a group with several, which needs a name, about a contract", async () => {
    const { client, user } = await show();
    await user.click(await option(/Juan/));
    await user.click(await option(/Fontanería/));
    expect(create(/Create group/)).toHaveAccessibleDescription("Give the group a name.");
    await user.type(screen.getByLabelText("Name of the group"), "Kitchen");
    await user.click(screen.getByRole("button", { name: /what it is about/, expanded: false }));
    const types = within(screen.getByRole("group", { name: "Type" }));
    expect(types.getByRole("radio", { name: "Property" })).toBeChecked();
    await user.click(types.getByRole("radio", { name: "Contract" }));
    expect(create(/Create group/)).toHaveAccessibleDescription(/Describe what it is about/);
    await user.type(screen.getByLabelText("Description"), "Rental 2026");
    await user.type(screen.getByLabelText("Reference"), "014");
    await expectNoViolations();
    await user.keyboard("{Enter}");
    expect(client.threads.create).toHaveBeenCalledExactlyOnceWith({
      kind: "group",
      participant_ids: [2, 4],
      title: "Kitchen",
      subject: { type: "contract", id: "014", title: "Rental 2026" },
    });
  });

  it("happens once, however often it is asked for, and shows that it is under way", async () => {
    const { client, user } = await show();
    client.threads.create.mockReturnValue(new Promise(() => {}));
    await user.click(await option(/Juan/));
    await user.dblClick(create(/Open conversation/));
    expect(create(/Open conversation/)).toHaveTextContent("Creating…");
    expect(create(/Open conversation/)).toHaveAttribute("aria-disabled", "true");
    expect(client.threads.create).toHaveBeenCalledTimes(1);
  });

  it("that fails says why, until something changes", async () => {
    const { client, user, onOpened } = await show();
    client.threads.create.mockRejectedValue(new Error("Too many at once."));
    await user.click(await option(/Juan/));
    await user.click(create(/Open conversation/));
    expect(await screen.findByRole("alert")).toHaveTextContent("could not be created. Too many at once.");
    expect(onOpened).not.toHaveBeenCalled();
    await user.click(await option(/Lucía/));
    expect(screen.queryByRole("alert")).not.toBeInTheDocument();
  });

  it("begins anew when the dialog is opened again", async () => {
    const { user } = await show();
    await user.click(await option(/Juan/));
    await user.click(screen.getByRole("button", { name: "Cancel" }));
    expect(screen.queryByRole("dialog")).not.toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Write" }));
    expect(await option(/Juan/)).toHaveAttribute("aria-selected", "false");
  });
});
