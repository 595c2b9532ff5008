import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { aNotification, someSettings } from "../../testing/factories";
import { createFakeClient, type FakeClientState } from "../../testing/fakeClient";
import { expectNoViolations, renderWithClient, stopTheClock } from "../common/testHarness";
import { NotificationBell } from "./NotificationBell";
import { RealTimeNotificationCenter } from "./RealTimeNotificationCenter";
import { UNDO_MS } from "./useClearWithUndo";

const NOW = new Date(2026, 10, 24, 12);
const minutesAgo = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000).toISOString();
const URGENT = aNotification({
  id: "n1",
  title: "Sign the contract",
  message: "It ends tomorrow.",
  priority: "urgent",
  action_url: "/contracts/14",
  timestamp: minutesAgo(5),
});
const HIGH = aNotification({ id: "n2", title: "Visit confirmed", priority: "high", timestamp: minutesAgo(60) });
const READ = aNotification({
  id: "n3",
  title: "Rent paid",
  read_at: NOW.toISOString(),
  timestamp: minutesAgo(60 * 26),
});
const ALL = { notifications: [URGENT, HIGH, READ], unreadCount: 2 };

function Host({ onNavigate }: { onNavigate: (url: string) => void }) {
  const [open, setOpen] = useState(true);
  return (
    <>
      <NotificationBell onClick={() => setOpen(true)} />
      <RealTimeNotificationCenter open={open} onOpenChange={setOpen} onNavigate={onNavigate} />
    </>
  );
}

function show(state: FakeClientState["notifications"] = ALL, settings = someSettings()) {
  const client = createFakeClient({ notifications: state, settings });
  const onNavigate = vi.fn();
  renderWithClient(<Host onNavigate={onNavigate} />, client);
  // Timers are fake, so that "5 minutes ago" stays true; the keyboard and the pointer move them on.
  const user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime });
  const store = (change: FakeClientState["notifications"]) =>
    act(() => client.notifications.set({ ...client.notifications.getSnapshot(), ...change }));
  return { client, onNavigate, user, store };
}
const item = (title: string) => screen.getByText(title).closest("li") ?? document.body;
const titles = () => screen.queryAllByRole("heading", { level: 4 }).map((heading) => heading.textContent);

beforeEach(() => stopTheClock(NOW));

describe("the list", () => {
  it("is grouped by day and says priority, time and unread in words", async () => {
    show();
    const today = screen.getByRole("region", { name: "Today" });
    expect(within(today).getAllByRole("listitem")).toHaveLength(2);
    expect(within(screen.getByRole("region", { name: "Yesterday" })).getByText("Rent paid")).toBeVisible();
    expect(item("Sign the contract")).toHaveTextContent("Urgent5 minutes agoUnread");
    expect(within(item("Sign the contract")).getByText("5 minutes ago")).toHaveAttribute(
      "title",
      expect.stringContaining("November 24, 2026"),
    );
    expect(item("Visit confirmed")).toHaveTextContent("Important1 hour agoUnread");
    expect(item("Rent paid")).not.toHaveTextContent("Unread");
    await expectNoViolations();
  });

  it("is filtered by tabs that arrows move between", async () => {
    const { user } = show();
    await user.click(screen.getByRole("tab", { name: "All" }));
    await user.keyboard("{ArrowRight}");
    expect(screen.getByRole("tab", { name: "Unread 2" })).toHaveAttribute("aria-selected", "true");
    expect(titles()).toEqual(["Sign the contract", "Visit confirmed"]);
    await user.keyboard("{ArrowRight}");
    expect(titles()).toEqual(["Sign the contract"]);
    expect(screen.getByRole("tabpanel", { name: "Urgent" })).toBeVisible();
    await user.keyboard("{ArrowRight}");
    expect(screen.getByRole("tab", { name: "All" })).toHaveFocus();
    await user.keyboard("{End}");
    expect(screen.getByRole("tab", { name: "Urgent", selected: true })).toHaveFocus();
    await user.tab();
    expect(screen.getByRole("tabpanel")).toHaveFocus();
  });

  it.each([
    ["All", "All quiet"],
    ["Unread", "You're all caught up"],
    ["Urgent", "Nothing urgent"],
  ])("says why %s is empty", async (tab, title) => {
    const { user } = show({ notifications: [], unreadCount: 0 });
    await user.click(screen.getByRole("tab", { name: tab }));
    expect(screen.getByText(title)).toBeVisible();
    await expectNoViolations();
  });

  it("does not claim that a filter is empty while there is more to load", async () => {
    const { user, client } = show({ notifications: [READ], unreadCount: 1, hasMore: true });
    await user.click(screen.getByRole("tab", { name: "Unread 1" }));
    expect(screen.queryByText("You're all caught up")).not.toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Load more" }));
    expect(client.notifications.loadMore).toHaveBeenCalledTimes(1);
  });

  it("shows that it is loading, and what went wrong", async () => {
    const { user, client, store } = show({ status: "loading" });
    expect(screen.getByText("Loading notifications…")).toBeInTheDocument();
    expect(screen.getByRole("tabpanel")).toHaveAttribute("aria-busy", "true");
    const error = Object.assign(new Error("The server is busy."), {
      code: "unavailable" as const,
      retryable: true,
      details: {},
    });
    store({ status: "error", error });
    expect(screen.getByRole("alert")).toHaveTextContent("The server is busy.");
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(client.notifications.reload).toHaveBeenCalled();
  });
});

describe("following a notification", () => {
  it("marks it as read, closes the drawer and navigates", async () => {
    const { client, onNavigate, user } = show();
    await user.click(screen.getByRole("link", { name: "Sign the contract" }));
    expect(onNavigate).toHaveBeenCalledExactlyOnceWith("/contracts/14");
    expect(client.notifications.markRead).toHaveBeenCalledExactlyOnceWith("n1");
    expect(screen.queryByRole("dialog")).not.toBeInTheDocument();
  });

  it("is left to the browser with a modifier key", async () => {
    const { onNavigate, user } = show();
    const link = screen.getByRole("link", { name: "Sign the contract" });
    link.addEventListener("click", (event) => event.preventDefault());
    await user.keyboard("{Control>}");
    await user.click(link);
    expect(onNavigate).not.toHaveBeenCalled();
    expect(screen.getByRole("dialog")).toBeVisible();
  });

  it.each(["javascript:alert(1)", "//evil.example", null])("is not offered to %s", (action_url) => {
    show({ notifications: [{ ...URGENT, action_url }], unreadCount: 1 });
    expect(screen.getByText("Sign the contract")).toBeVisible();
    expect(screen.queryByRole("link")).not.toBeInTheDocument();
  });
});

describe("marking as read", () => {
  it("one: focus stays with it when its button goes", async () => {
    const { client, user, store } = show();
    await user.click(screen.getByRole("button", { name: "Mark as read: Sign the contract" }));
    expect(client.notifications.markRead).toHaveBeenCalledExactlyOnceWith("n1");
    store({ notifications: [{ ...URGENT, read_at: NOW.toISOString() }, HIGH, READ], unreadCount: 1 });
    expect(screen.queryByRole("button", { name: "Mark as read: Sign the contract" })).not.toBeInTheDocument();
    expect(item("Sign the contract")).toHaveFocus();
  });

  it("one of the unread: focus goes to the next", async () => {
    const { user, store } = show();
    await user.click(screen.getByRole("tab", { name: "Unread 2" }));
    await user.click(screen.getByRole("button", { name: "Mark as read: Sign the contract" }));
    store({ notifications: [{ ...URGENT, read_at: NOW.toISOString() }, HIGH, READ], unreadCount: 1 });
    expect(item("Visit confirmed")).toHaveFocus();
  });

  it("all, if there are any", async () => {
    const { client, user, store } = show();
    const button = screen.getByRole("button", { name: "Mark all as read" });
    await user.click(button);
    expect(client.notifications.markAllRead).toHaveBeenCalledTimes(1);
    store({ unreadCount: 0 });
    expect(button).toHaveAttribute("aria-disabled", "true");
    await user.click(button);
    expect(client.notifications.markAllRead).toHaveBeenCalledTimes(1);
  });

  it("says if it failed, until the next try", async () => {
    const { client, user } = show();
    client.notifications.markRead.mockRejectedValueOnce(new Error("no"));
    await user.click(screen.getByRole("button", { name: "Mark as read: Sign the contract" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("could not be saved");
    await user.click(screen.getByRole("button", { name: "Mark as read: Sign the contract" }));
    await waitFor(() => expect(screen.queryByRole("alert")).not.toBeInTheDocument());
  });
});

describe("clearing", () => {
  const clear = (title: string) => screen.getByRole("button", { name: `Clear: ${title}` });

  it("can be undone: the server hears nothing of it", async () => {
    const { client, user } = show();
    await user.click(clear("Visit confirmed"));
    expect(titles()).toEqual(["Sign the contract", "Rent paid"]);
    expect(item("Rent paid")).toHaveFocus();
    await user.click(screen.getByRole("button", { name: "Undo" }));
    expect(titles()).toEqual(["Sign the contract", "Visit confirmed", "Rent paid"]);
    act(() => vi.advanceTimersByTime(UNDO_MS * 2));
    expect(client.notifications.clear).not.toHaveBeenCalled();
  });

  it("reaches the server after a while, but not while the person is at the button", async () => {
    const { client, user } = show();
    await user.click(clear("Visit confirmed"));
    act(() => screen.getByRole("button", { name: "Undo" }).focus());
    act(() => vi.advanceTimersByTime(UNDO_MS * 2));
    expect(client.notifications.clear).not.toHaveBeenCalled();
    act(() => screen.getByRole("button", { name: "Close" }).focus());
    act(() => vi.advanceTimersByTime(UNDO_MS));
    expect(client.notifications.clear).toHaveBeenCalledExactlyOnceWith("n2");
    expect(screen.queryByRole("button", { name: "Undo" })).not.toBeInTheDocument();
  });

  it("reaches the server at once when another is cleared, and when the drawer closes", async () => {
    const { client, user } = show();
    await user.click(clear("Visit confirmed"));
    await user.click(clear("Rent paid"));
    expect(client.notifications.clear.mock.calls).toEqual([["n2"]]);
    await user.keyboard("{Escape}{Escape}");
    expect(client.notifications.clear.mock.calls).toEqual([["n2"], ["n3"]]);
  });

  it("that the server refuses brings the notification back", async () => {
    const { client, user } = show();
    client.notifications.clear.mockRejectedValueOnce(new Error("no"));
    await user.click(clear("Visit confirmed"));
    act(() => vi.advanceTimersByTime(UNDO_MS));
    expect(await screen.findByText("Visit confirmed")).toBeVisible();
    expect(screen.getByRole("alert")).toHaveTextContent("could not be saved");
  });
});

describe("the settings", () => {
  it("are folded away at first; sound is the person's on all devices", async () => {
    const { client, user } = show();
    expect(screen.queryByRole("switch")).not.toBeInTheDocument();
    const button = screen.getByRole("button", { name: "Alerts" });
    await user.click(button);
    expect(button).toHaveAttribute("aria-expanded", "true");
    await user.click(screen.getByRole("switch", { name: "Sound" }));
    expect(client.settings.update).toHaveBeenCalledExactlyOnceWith({ sound: false });
    await expectNoViolations();
  });
});

describe("the bell", () => {
  it("tells the count in words and opens the drawer", async () => {
    const { user } = show();
    await user.keyboard("{Escape}{Escape}");
    const bell = screen.getByRole("button", { name: "Notifications, 2 unread" });
    expect(bell).toHaveTextContent("2");
    await user.click(bell);
    expect(screen.getByRole("dialog", { name: "Notifications" })).toHaveFocus();
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("dialog")).not.toBeInTheDocument();
  });
});
