import { act, fireEvent, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Bell } from "lucide-react";
import { useState } from "react";
import { describe, expect, it, vi } from "vitest";
import {
  Avatar,
  Badge,
  Button,
  EmptyState,
  ErrorState,
  IconButton,
  LoadMore,
  Modal,
  Sheet,
  Skeleton,
  Spinner,
  Switch,
  safeLink,
} from ".";
import { initials, tone } from "./initials";
import { expectNoViolations, renderIn } from "./testHarness";

describe("safeLink", () => {
  it.each(["/threads/1", "/?a=b#c", "https://example.com/x", "http://example.com"])("lets %s through", (url) => {
    expect(safeLink(url)).toBe(url);
  });

  it.each([
    null,
    undefined,
    "",
    "javascript:alert(1)",
    "JAVASCRIPT:alert(1)",
    "data:text/html,x",
    "//evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    " /x",
    "mailto:a@example.com",
    "relative",
  ])("refuses %j", (url) => {
    expect(safeLink(url)).toBeNull();
  });
});

describe("initials", () => {
  it.each([
    ["María García", "MG"],
    ["Ana Belén Ortega Ruiz", "AR"],
    ["óscar", "Ó"],
    ["李伟", "李"],
    ["— 🙂 Juan", "J"],
    ["  ", "?"],
  ])("of %j are %s", (name, letters) => {
    expect(initials(name)).toBe(letters);
  });

  it("go with a colour that depends on the name alone", () => {
    expect(tone("María García")).toBe(tone(" maría garcía "));
    const tones = new Set(["Juan", "Lucía", "Ana", "Óscar", "Marta", "Pedro", "Sofía", "Íñigo"].map(tone));
    expect(tones.size).toBeGreaterThan(3);
  });
});

describe("Avatar", () => {
  it("tells the presence in words, and the initials to the eyes alone", () => {
    renderIn(<Avatar name="Juan Pérez" presence="away" />);
    expect(screen.getByText("Away")).toBeInTheDocument();
    expect(screen.getByText("JP")).toHaveAttribute("aria-hidden", "true");
  });

  it("shows a picture once it has loaded, and does without one that fails", () => {
    const { container, rerender } = renderIn(<Avatar name="Juan Pérez" url="/juan.png" />);
    const picture = () => container.querySelector("img");
    expect(picture()).toHaveAttribute("data-state", "loading");
    fireEvent.load(picture() ?? document.body);
    expect(picture()).toHaveAttribute("data-state", "loaded");
    rerender(<Avatar name="Juan Pérez" url="/other.png" />);
    expect(picture()).toHaveAttribute("data-state", "loading");
    fireEvent.error(picture() ?? document.body);
    expect(picture()).toBeNull();
  });
});

describe("IconButton", () => {
  it("is named once, by its label, and shows it as a tooltip on keyboard focus", async () => {
    const user = userEvent.setup();
    renderIn(<IconButton label="Notifications, 120 unread" icon={<Bell />} badge={120} />);
    await user.tab();
    const button = screen.getByRole("button", { name: "Notifications, 120 unread" });
    expect(button).toHaveFocus();
    expect(button).not.toHaveAttribute("aria-describedby");
    expect(screen.getByText("99+")).toHaveAttribute("aria-hidden", "true");
    expect(await screen.findByText("Notifications, 120 unread")).toBeVisible();
    await user.keyboard("{Escape}");
    expect(screen.queryByText("Notifications, 120 unread")).not.toBeInTheDocument();
  });

  it("shows no badge at 0", () => {
    renderIn(<IconButton label="Notifications" icon={<Bell />} badge={0} />);
    expect(screen.getByRole("button")).toHaveTextContent("");
  });
});

function Opener({ Panel, title = "Details" }: { Panel: typeof Modal; title?: string }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>Open</Button>
      <Panel open={open} onOpenChange={setOpen} title={title} description="All about it">
        <input aria-label="First" />
        <input aria-label="Second" />
      </Panel>
    </>
  );
}

describe.each([
  ["Modal", Modal],
  ["Sheet", Sheet],
])("%s", (_name, Panel) => {
  it("takes focus, keeps it, and gives it back on Esc", async () => {
    const user = userEvent.setup();
    renderIn(<Opener Panel={Panel} />);
    await user.click(screen.getByRole("button", { name: "Open" }));
    const dialog = screen.getByRole("dialog", { name: "Details", description: "All about it" });
    expect(dialog).toHaveFocus();
    await user.tab();
    expect(screen.getByRole("button", { name: "Close" })).toHaveFocus();
    await user.tab();
    await user.tab();
    expect(screen.getByLabelText("Second")).toHaveFocus();
    await user.tab();
    expect(screen.getByRole("button", { name: "Close" })).toHaveFocus();
    await expectNoViolations();
    await user.keyboard("{Escape}{Escape}");
    expect(screen.queryByRole("dialog")).not.toBeInTheDocument();
    expect(await screen.findByRole("button", { name: "Open" })).toHaveFocus();
  });

  it("closes by its button and by a click outside", async () => {
    const user = userEvent.setup({ pointerEventsCheck: 0 });
    renderIn(<Opener Panel={Panel} />);
    await user.click(screen.getByRole("button", { name: "Open" }));
    await user.click(screen.getByRole("button", { name: "Close" }));
    expect(screen.queryByRole("dialog")).not.toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Open" }));
    await user.click(document.querySelector("[data-vh-backdrop]") ?? document.body);
    expect(screen.queryByRole("dialog")).not.toBeInTheDocument();
  });

  it("writes no style sheet into the page: a strict policy would refuse it", async () => {
    const user = userEvent.setup();
    renderIn(<Opener Panel={Panel} />);
    const before = document.querySelectorAll("style").length;
    await user.click(screen.getByRole("button", { name: "Open" }));
    expect(document.querySelectorAll("style")).toHaveLength(before);
  });
});

describe("Switch", () => {
  it("is worked from its label and by keys, and reads its hint", async () => {
    const user = userEvent.setup();
    const onCheckedChange = vi.fn();
    renderIn(<Switch checked={false} onCheckedChange={onCheckedChange} label="Sound" hint="A short tone." />);
    const control = screen.getByRole("switch", { name: "Sound", description: "A short tone." });
    expect(control).not.toBeChecked();
    await user.click(screen.getByText("Sound"));
    expect(control).toHaveFocus();
    await user.keyboard(" ");
    expect(onCheckedChange.mock.calls).toEqual([[true], [true]]);
  });
});

describe("LoadMore", () => {
  type Callback = (entries: Pick<IntersectionObserverEntry, "isIntersecting">[]) => void;

  function observed() {
    const live = new Set<Callback>();
    vi.stubGlobal(
      "IntersectionObserver",
      class {
        constructor(private readonly callback: Callback) {}
        observe() {
          live.add(this.callback);
        }
        disconnect() {
          live.delete(this.callback);
        }
      },
    );
    return { live, see: () => act(() => [...live].forEach((tell) => void tell([{ isIntersecting: true }]))) };
  }
  const words = { label: "Load more", loadingLabel: "Loading" };

  it("loads when it comes into sight, and again if it is still there after a page", () => {
    const { live, see } = observed();
    const onLoad = vi.fn();
    const { rerender } = render(<LoadMore {...words} isLoading={false} onLoad={onLoad} />);
    see();
    expect(onLoad).toHaveBeenCalledTimes(1);
    rerender(<LoadMore {...words} isLoading onLoad={onLoad} />);
    expect(live.size).toBe(0);
    expect(screen.getByRole("status")).toHaveTextContent("Loading");
    rerender(<LoadMore {...words} isLoading={false} onLoad={onLoad} />);
    see();
    expect(onLoad).toHaveBeenCalledTimes(2);
    vi.unstubAllGlobals();
  });

  it("after a failure loads only when asked to", async () => {
    const { live } = observed();
    const onLoad = vi.fn();
    render(<LoadMore {...words} isLoading={false} failed onLoad={onLoad} />);
    expect(live.size).toBe(0);
    await userEvent.click(screen.getByRole("button", { name: "Load more" }));
    expect(onLoad).toHaveBeenCalledTimes(1);
    vi.unstubAllGlobals();
  });
});

describe("the small parts", () => {
  it("say in words what they show", async () => {
    const onRetry = vi.fn();
    renderIn(
      <>
        <Badge count={3} label="3 unread messages" />
        <Badge count={0} label="none" />
        <Spinner label="Loading threads" />
        <Skeleton lines={2} />
        <EmptyState icon={<Bell />} title="Nothing here" hint="Yet" action={<Button>Begin</Button>} />
        <ErrorState message="The server is busy." onRetry={onRetry} />
      </>,
      "es",
    );
    expect(screen.getByText("3 unread messages")).toBeInTheDocument();
    expect(screen.queryByText("none")).not.toBeInTheDocument();
    expect(screen.getByRole("status")).toHaveTextContent("Loading threads");
    const alert = screen.getByRole("alert");
    expect(alert).toHaveTextContent("Algo ha fallado");
    expect(alert).toHaveTextContent("The server is busy.");
    await userEvent.click(screen.getByRole("button", { name: "Reintentar" }));
    expect(onRetry).toHaveBeenCalledWith();
    await expectNoViolations();
  });
});
