import { act, fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { aParticipant, aPresence, aThread, ME } from "../../testing/factories";
import { createFakeClient } from "../../testing/fakeClient";
import type { Subject } from "../../types/generated/contract";
import { expectNoViolations, renderWithClient, stopTheClock } from "../common/testHarness";
import { ThreadDetails } from "./ThreadDetails";

const NOW = new Date(2026, 10, 24, 12);
const hoursAgo = (hours: number) => new Date(NOW.getTime() - hours * 3_600_000).toISOString();
const FLAT: Subject = {
  type: "property",
  id: "calle-mayor-12",
  title: "Flat at Calle Mayor 12",
  url: "https://verihome.example/p/12",
  image_url: null,
};
const GROUP = aThread({
  kind: "group",
  title: "Calle Mayor 12",
  created_by: 2,
  created_at: hoursAgo(24),
  subject: FLAT,
  participants: [
    aParticipant({ user_id: ME, display_name: "María García" }),
    aParticipant({ role: "owner" }),
    aParticipant({ user_id: 3, display_name: "Lucía Fernández" }),
    aParticipant({ user_id: 4, display_name: "Fontanería Ríos" }),
  ],
  participant_count: 6,
});
const PRESENCE = new Map([
  ["2", aPresence()],
  ["3", aPresence({ user_id: 3, state: "offline", is_online: false, last_seen: hoursAgo(2) })],
  ["4", aPresence({ user_id: 4, state: "offline", is_online: false, last_seen: null })],
]);

function show(thread = GROUP) {
  const client = createFakeClient({ threads: { threads: [thread] }, presence: { users: PRESENCE } });
  renderWithClient(<ThreadDetails threadId={thread.id} />, client);
  return client;
}
const row = (name: string) => screen.getByText(name, { selector: "li *" }).closest("li") ?? document.body;

beforeEach(() => stopTheClock(NOW));

describe("the participants", () => {
  it("are listed with role and presence, and when they were last seen", async () => {
    const client = show();
    expect(client.presence.ensure).toHaveBeenCalledWith([1, 2, 3, 4]);
    expect(screen.getByRole("heading", { name: "6 participants" })).toBeVisible();
    expect(row("María García")).toHaveTextContent("You");
    expect(row("Juan Pérez")).toHaveTextContent("Owner");
    expect(within(row("Juan Pérez")).getByTitle("Online")).toBeInTheDocument();
    expect(row("Lucía Fernández")).toHaveTextContent("Last seen 2 hours ago");
    expect(row("Fontanería Ríos")).toHaveTextContent("Has not been here yet");
    expect(screen.getByText("and 2 more people")).toBeVisible();
    await expectNoViolations();
  });

  it("follow who comes and goes", () => {
    const client = show();
    act(() => client.presence.set({ users: new Map([...PRESENCE, ["3", aPresence({ user_id: 3, state: "away" })]]) }));
    expect(row("Lucía Fernández")).toHaveTextContent("Away");
    expect(row("Lucía Fernández")).not.toHaveTextContent("Last seen");
  });

  it("of a direct conversation have no roles", () => {
    show(aThread({ participants: [aParticipant({ role: "owner" })] }));
    expect(row("Juan Pérez")).not.toHaveTextContent("Owner");
  });
});

describe("the subject", () => {
  it("is shown in full, with a link to its page", () => {
    show();
    const card = screen.getByRole("article");
    expect(card).toHaveTextContent("PropertyFlat at Calle Mayor 12Reference: calle-mayor-12");
    const link = within(card).getByRole("link", { name: "View page (opens in a new tab)" });
    expect(link).toHaveAttribute("href", "https://verihome.example/p/12");
    expect(link).toHaveAttribute("rel", "noopener noreferrer");
  });

  it("leaves out an unsafe link and a picture that does not load", () => {
    show(aThread({ subject: { ...FLAT, type: "boat", url: "javascript:alert(1)", image_url: "/flat.jpg" } }));
    const card = screen.getByRole("article");
    expect(card).toHaveTextContent("boat");
    expect(within(card).queryByRole("link")).not.toBeInTheDocument();
    const picture = card.querySelector("img");
    expect(picture).toHaveAttribute("src", "/flat.jpg");
    fireEvent.error(picture ?? document.body);
    expect(card.querySelector("img")).toBeNull();
  });
});

it("tells kind, title and when it was created by whom", () => {
  show();
  const fact = (term: string) => screen.getByText(term).nextElementSibling;
  expect(fact("Name")).toHaveTextContent("Calle Mayor 12");
  expect(fact("Type")).toHaveTextContent("Group");
  expect(fact("Created")).toHaveTextContent("Yesterday by Juan Pérez");
});

it("waits for the thread, and says why it does not come", async () => {
  const client = createFakeClient();
  client.threads.fetch.mockRejectedValueOnce(
    Object.assign(new Error("No such thread."), { code: "not_found", retryable: false, details: {} }),
  );
  renderWithClient(<ThreadDetails threadId="t1" />, client);
  expect(screen.getByText("Loading details…")).toBeInTheDocument();
  expect(await screen.findByRole("alert")).toHaveTextContent("No such thread.");
  client.threads.fetch.mockResolvedValueOnce(GROUP);
  const user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime });
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByText("6 participants")).toBeVisible();
});
