import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { aNotification } from "../../testing/factories";
import { createFakeClient } from "../../testing/fakeClient";
import type { Notification } from "../../types/generated/contract";
import { Modal } from "../common";
import { expectNoViolations, renderWithClient, stopTheClock } from "../common/testHarness";
import { NotificationToasts } from "./NotificationToasts";

const LINK = { id: "n1", title: "Visit confirmed", message: "Thursday at 11:30.", action_url: "/visits/87" };
const URGENT = { id: "n2", title: "Sign the contract", message: "It ends tomorrow.", priority: "urgent" } as const;

function show(beside?: ReactNode) {
  const client = createFakeClient();
  const onNavigate = vi.fn();
  renderWithClient(
    <>
      <NotificationToasts onNavigate={onNavigate} />
      {beside}
    </>,
    client,
  );
  const user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime, pointerEventsCheck: 0 });
  const arrive = (changes: Partial<Notification>) =>
    act(() => client.notify({ ...aNotification(changes), unread_count: 1 }));
  return { client, onNavigate, user, arrive };
}
const pass = (ms: number) => act(() => vi.advanceTimersByTime(ms));
const toast = (title: string) => screen.queryByText(title, { selector: "li *" });

beforeEach(() => stopTheClock());

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
    expect(screen.getByRole("link", { name: "Visit confirmed" })).toHaveFocus();
    await user.keyboard("{Enter}");
    expect(onNavigate).toHaveBeenCalledExactlyOnceWith("/visits/87");
    expect(client.notifications.markRead).toHaveBeenCalledExactlyOnceWith("n1");
    expect(toast("Visit confirmed")).not.toBeInTheDocument();
  });

  it("waits while the pointer is on it, and goes when the rest of its time is over", async () => {
    const { arrive, user } = show();
    arrive(LINK);
    pass(4_000);
    await user.hover(screen.getByRole("link", { name: "Visit confirmed" }));
    pass(60_000);
    expect(toast("Visit confirmed")).toBeVisible();
    await user.unhover(screen.getByRole("link", { name: "Visit confirmed" }));
    pass(1_900);
    expect(toast("Visit confirmed")).toBeVisible();
    pass(200);
    expect(toast("Visit confirmed")).not.toBeInTheDocument();
  });

  it("waits while the person is at another window", () => {
    const { arrive } = show();
    arrive(LINK);
    act(() => window.dispatchEvent(new Event("blur")));
    pass(60_000);
    expect(toast("Visit confirmed")).toBeVisible();
    act(() => window.dispatchEvent(new Event("focus")));
    pass(6_100);
    expect(toast("Visit confirmed")).not.toBeInTheDocument();
  });

  it("is said once, by a region that was there before, and cannot be come upon afterwards", () => {
    const { arrive } = show();
    const status = screen.getByRole("status");
    expect(status).toHaveAttribute("aria-live", "polite");
    expect(status).toBeEmptyDOMElement();
    arrive(LINK);
    arrive({ id: "n3", title: "New offer", message: "For the kitchen.", priority: "high" });
    expect([...status.children].map((child) => child.textContent)).toEqual([
      "Alert: Visit confirmed. Thursday at 11:30.",
      "Alert: Important. New offer. For the kitchen.",
    ]);
    pass(1_100);
    expect(status).toBeEmptyDOMElement();
    act(() => screen.getByRole("button", { name: "Dismiss alert: New offer" }).click());
    expect(status).toBeEmptyDOMElement();
  });

  it("is put away with Esc, and the focus goes back to where it came from after the last one", async () => {
    const { arrive, user } = show(<input aria-label="Message" />);
    const field = screen.getByRole("textbox", { name: "Message" });
    field.focus();
    arrive(LINK);
    arrive({ id: "n3", title: "New offer" });
    await user.keyboard("[F8]");
    await user.tab();
    // The tooltip of the button, which goes first.
    await user.keyboard("{Escape}");
    await user.keyboard("{Escape}");
    expect(toast("New offer")).not.toBeInTheDocument();
    expect(screen.getByRole("list")).toHaveFocus();
    await user.tab();
    expect(screen.getByRole("link", { name: "Visit confirmed" })).toHaveFocus();
    await user.keyboard("{Escape}");
    expect(toast("Visit confirmed")).not.toBeInTheDocument();
    expect(field).toHaveFocus();
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

  it("is heard while a dialog hides all else, and is no part of what closes it", async () => {
    const onOpenChange = vi.fn();
    const { arrive, user } = show(
      <Modal open onOpenChange={onOpenChange} title="Something else">
        <input aria-label="Name" />
      </Modal>,
    );
    expect(screen.getByRole("dialog")).toBeVisible();
    arrive(URGENT);
    expect(screen.getByRole("listitem")).toHaveAttribute("data-over");
    await waitFor(() => expect(screen.getByRole("alert")).toHaveTextContent("Sign the contract"));
    expect(screen.getByRole("alert").closest("[aria-hidden='true']")).toBeNull();
    pass(10);
    await user.click(screen.getByRole("button", { name: "Dismiss alert: Sign the contract" }));
    expect(toast("Sign the contract")).not.toBeInTheDocument();
    expect(onOpenChange).not.toHaveBeenCalled();
  });
});

it("shows three at most", () => {
  const { arrive } = show();
  for (const id of ["a", "b", "c", "d"]) arrive({ id, title: `Arrival ${id}` });
  expect(screen.getAllByRole("listitem")).toHaveLength(3);
  expect(toast("Arrival a")).not.toBeInTheDocument();
  expect(screen.getAllByRole("listitem")[0]).toHaveTextContent("Arrival d");
});
