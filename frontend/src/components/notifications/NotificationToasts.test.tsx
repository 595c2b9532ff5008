import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { aNotification } from "../../testing/factories";
import { createFakeClient } from "../../testing/fakeClient";
import type { Notification } from "../../types/generated/contract";
import { Modal } from "../common";
import { expectNoViolations, renderWithClient, stopTheClock } from "../common/testHarness";
import { NotificationToasts } from "./NotificationToasts";

const LINK = { id: "n1", title: "Visit confirmed", message: "Thursday at 11:30.", action_url: "/visits/87" };
const URGENT = { id: "n2", title: "Sign the contract", message: "It ends tomorrow.", priority: "urgent" } as const;

function show(dialog = false) {
  const client = createFakeClient();
  const onNavigate = vi.fn();
  renderWithClient(
    <>
      <NotificationToasts onNavigate={onNavigate} />
      <Modal open={dialog} onOpenChange={() => {}} title="Something else">
        <input aria-label="Name" />
      </Modal>
    </>,
    client,
  );
  const user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime });
  const arrive = (changes: Partial<Notification>) =>
    act(() => client.notify({ ...aNotification(changes), unread_count: 1 }));
  return { client, onNavigate, user, arrive };
}
const pass = (ms: number) => act(() => vi.advanceTimersByTime(ms));
const toast = (title: string) => screen.queryByText(title, { selector: "li *" });

beforeEach(() => {
  // jsdom knows no pointer capture, of which Radix asks when a pointer leaves a toast.
  HTMLElement.prototype.hasPointerCapture = () => false;
  return stopTheClock();
});

describe("an ordinary arrival", () => {
  it("is shown for six seconds, politely", async () => {
    const { arrive } = show();
    arrive(LINK);
    expect(toast("Visit confirmed")).toBeVisible();
    expect(screen.queryByRole("alert")).not.toBeInTheDocument();
    await expectNoViolations();
    pass(5_900);
    expect(toast("Visit confirmed")).toBeVisible();
    pass(200);
    expect(toast("Visit confirmed")).not.toBeInTheDocument();
  });

  it("waits while the keyboard is at it: F8 goes there", async () => {
    const { arrive, user, onNavigate, client } = show();
    arrive(LINK);
    await user.keyboard("[F8]");
    expect(within(screen.getByRole("region", { name: "Alerts (F8)" })).getAllByRole("list")[0]).toHaveFocus();
    pass(60_000);
    expect(toast("Visit confirmed")).toBeVisible();
    await user.tab();
    await user.tab();
    expect(screen.getByRole("link", { name: "Visit confirmed" })).toHaveFocus();
    await user.keyboard("{Enter}");
    expect(onNavigate).toHaveBeenCalledExactlyOnceWith("/visits/87");
    expect(client.notifications.markRead).toHaveBeenCalledExactlyOnceWith("n1");
    expect(toast("Visit confirmed")).not.toBeInTheDocument();
  });

  it("waits while the pointer is on it", async () => {
    const { arrive, user } = show();
    arrive(LINK);
    await user.hover(screen.getByRole("link", { name: "Visit confirmed" }));
    pass(60_000);
    expect(toast("Visit confirmed")).toBeVisible();
  });

  it("offers no unsafe link", () => {
    const { arrive } = show();
    arrive({ ...LINK, action_url: "javascript:alert(1)" });
    expect(toast("Visit confirmed")).toBeVisible();
    expect(screen.queryByRole("link")).not.toBeInTheDocument();
  });

  it("goes away once it was read elsewhere", () => {
    const { arrive, client } = show();
    arrive(LINK);
    const read = aNotification({ ...LINK, read_at: "2026-11-24T12:00:00.000Z" });
    act(() => client.notifications.set({ ...client.notifications.getSnapshot(), notifications: [read] }));
    expect(toast("Visit confirmed")).not.toBeInTheDocument();
  });
});

describe("an urgent arrival", () => {
  it("is an alert that stays until it is dismissed", async () => {
    const { arrive, user, client } = show();
    arrive(URGENT);
    expect(screen.getByRole("alert")).toHaveTextContent("UrgentSign the contractIt ends tomorrow.");
    pass(600_000);
    expect(toast("Sign the contract")).toBeVisible();
    await expectNoViolations();
    await user.click(screen.getByRole("button", { name: "Dismiss alert: Sign the contract" }));
    expect(toast("Sign the contract")).not.toBeInTheDocument();
    expect(client.notifications.markRead).not.toHaveBeenCalled();
  });

  it("is heard while a dialog hides all else", async () => {
    const { arrive } = show(true);
    expect(screen.getByRole("dialog")).toBeVisible();
    arrive(URGENT);
    await waitFor(() => expect(screen.getByRole("alert")).toHaveTextContent("Sign the contract"));
    expect(screen.getByRole("alert").closest("[aria-hidden='true']")).toBeNull();
  });
});

it("shows three at most", () => {
  const { arrive } = show();
  for (const id of ["a", "b", "c", "d"]) arrive({ id, title: `Arrival ${id}` });
  expect(screen.getAllByRole("listitem")).toHaveLength(3);
  expect(toast("Arrival a")).not.toBeInTheDocument();
  expect(toast("Arrival d")).toBeVisible();
});
