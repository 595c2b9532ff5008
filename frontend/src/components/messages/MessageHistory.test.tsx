import { fireEvent, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import type { ChatMessage } from "../../services/types";
import { aChatMessage } from "../../testing/factories";
import { MessageHistory, type MessageHistoryProps } from "./MessageHistory";
import { expectAccessible, renderIn, settle, withLayout } from "./testing";

withLayout({ height: 400, rowHeight: 40 });

function some(from: number, to: number): ChatMessage[] {
  return Array.from({ length: to - from + 1 }, (_, index) => aChatMessage({ seq: from + index }));
}

const nothing = () => {};

function history(changes: Partial<MessageHistoryProps> = {}) {
  return (
    <MessageHistory
      name="Juan"
      isGroup={false}
      messages={some(1, 100)}
      firstUnreadSeq={null}
      hasMoreBefore={false}
      hasMoreAfter={false}
      isLoadingBefore={false}
      isLoadingAfter={false}
      onLoadBefore={nothing}
      onLoadAfter={nothing}
      onJumpToLatest={nothing}
      onSeen={nothing}
      onRetry={nothing}
      onDiscard={nothing}
      unreadCount={0}
      typingNames={[]}
      avatars={new Map()}
      {...changes}
    />
  );
}

const log = () => screen.getByRole("log", { name: "Mensajes con Juan" });
const jumpButton = () => screen.queryByRole("button", { name: /Ir al último mensaje/ });
const fromEnd = () => log().scrollHeight - log().clientHeight - log().scrollTop;

function scrollTo(top: number) {
  return settle(() => log().scrollTo({ top }));
}

async function show(changes: Partial<MessageHistoryProps> = {}) {
  const { container, update } = renderIn("es", history(changes));
  await settle();
  return { container, update: (next: Partial<MessageHistoryProps>) => settle(() => update(history(next))) };
}

describe("MessageHistory", () => {
  it("opens at its end with a part of the messages rendered", async () => {
    const { container } = await show({ messages: some(1, 2000) });
    expect(fromEnd()).toBeLessThanOrEqual(2);
    expect(screen.getByText("Message 2000")).toBeInTheDocument();
    expect(screen.getAllByRole("article").length).toBeLessThan(60);
    expect(jumpButton()).not.toBeInTheDocument();
    await expectAccessible(container);
  });

  it("opens at what is unread, and lets one jump to the latest", async () => {
    await show({ firstUnreadSeq: 50, unreadCount: 51 });
    expect(screen.getByText("Mensajes sin leer")).toBeInTheDocument();
    expect(screen.getByText("Message 50")).toBeInTheDocument();
    expect(screen.queryByText("Message 100")).not.toBeInTheDocument();
    await userEvent.setup().click(screen.getByRole("button", { name: "Ir al último mensaje, 51 mensajes nuevos" }));
    expect(fromEnd()).toBeLessThanOrEqual(2);
    expect(screen.getByText("Message 100")).toBeInTheDocument();
    expect(jumpButton()).not.toBeInTheDocument();
  });

  it("opens at a message that was asked for and marks it", async () => {
    const { container } = await show({ targetSeq: 20 });
    expect(container.querySelector("[data-marked]")).toHaveTextContent("Message 20");
  });

  it("goes to a message that is asked for later", async () => {
    const { update, container } = await show();
    await update({ targetSeq: 30 });
    expect(container.querySelector("[data-marked]")).toHaveTextContent("Message 30");
  });

  it("follows what arrives while the reader is at the end, and not otherwise", async () => {
    const { update } = await show();
    await update({ messages: some(1, 101) });
    expect(screen.getByText("Message 101")).toBeInTheDocument();
    expect(fromEnd()).toBeLessThanOrEqual(2);
    fireEvent.wheel(log(), { deltaY: -100 });
    await scrollTo(1000);
    await update({ messages: some(1, 102) });
    expect(log().scrollTop).toBe(1000);
    expect(jumpButton()).toBeInTheDocument();
  });

  it("lets go at once when the reader means to go up", async () => {
    await show();
    expect(jumpButton()).not.toBeInTheDocument();
    fireEvent.wheel(log(), { deltaY: -1 });
    expect(jumpButton()).toBeInTheDocument();
  });

  it("takes the writer to what they have just written", async () => {
    const { update } = await show();
    await scrollTo(500);
    const mine = aChatMessage({ seq: 101, key: "new", mine: true, content: "mine" });
    await update({ messages: [...some(1, 100), { ...mine, seq: null, state: "sending" }] });
    expect(screen.getByText("mine")).toBeInTheDocument();
    expect(fromEnd()).toBeLessThanOrEqual(2);
  });
});

describe("MessageHistory's pages", () => {
  it("asks for older ones before the reader gets to the first", async () => {
    const onLoadBefore = vi.fn();
    await show({ hasMoreBefore: true, onLoadBefore });
    expect(onLoadBefore).not.toHaveBeenCalled();
    await scrollTo(300);
    expect(onLoadBefore).toHaveBeenCalled();
  });

  it("does not ask again at once for what failed", async () => {
    const onLoadBefore = vi.fn();
    const few = { messages: some(50, 55), hasMoreBefore: true, onLoadBefore };
    const { update } = await show(few);
    expect(onLoadBefore).toHaveBeenCalledOnce();
    await update({ ...few, isLoadingBefore: true });
    await update({ ...few, isLoadingBefore: false });
    expect(onLoadBefore).toHaveBeenCalledOnce();
  });

  it("keeps what the reader sees in place when an older page comes", async () => {
    const { update } = await show({ messages: some(101, 200), hasMoreBefore: true });
    fireEvent.wheel(log(), { deltaY: -100 });
    await scrollTo(800);
    const top = (text: string) => {
      const slot = screen.getByText(text).closest<HTMLElement>("[data-index]");
      const start = Number(/translateY\((.*)px\)/.exec(slot?.style.transform ?? "")?.[1]);
      return start - log().scrollTop;
    };
    const before = top("Message 123");
    await update({ messages: some(51, 200), hasMoreBefore: true });
    expect(top("Message 123")).toBe(before);
  });

  it("asks for newer ones, and never takes the end of a stretch for the latest", async () => {
    const onLoadAfter = vi.fn();
    const onJumpToLatest = vi.fn();
    const stretch = { messages: some(1, 60), hasMoreAfter: true, targetSeq: 10, onLoadAfter, onJumpToLatest };
    const { update } = await show(stretch);
    expect(onLoadAfter).not.toHaveBeenCalled();
    await scrollTo(10_000);
    expect(onLoadAfter).toHaveBeenCalled();
    const { scrollTop } = log();
    await update({ ...stretch, messages: some(1, 110) });
    expect(log().scrollTop).toBe(scrollTop);
    await userEvent.setup().click(screen.getByRole("button", { name: "Ir al último mensaje" }));
    expect(onJumpToLatest).toHaveBeenCalledOnce();
    await update({ ...stretch, messages: some(500, 600), hasMoreBefore: true, hasMoreAfter: false });
    expect(screen.getByText("Message 600")).toBeInTheDocument();
    expect(fromEnd()).toBeLessThanOrEqual(2);
  });
});

describe("MessageHistory for screen readers", () => {
  const said = (container: HTMLElement) => container.querySelector('[aria-live="polite"]')?.textContent;

  it("tells what arrives of others, and nothing else", async () => {
    const { update, container } = await show({ messages: some(11, 20), hasMoreBefore: true });
    expect(log()).toHaveAttribute("aria-live", "off");
    await update({ messages: some(1, 20) });
    expect(said(container)).toBe("");
    const mine = aChatMessage({ seq: 21, mine: true, sender_id: 1 });
    await update({ messages: [...some(1, 20), mine] });
    expect(said(container)).toBe("");
    await update({ messages: [...some(1, 20), mine, aChatMessage({ seq: 22, content: "¿Está?" })] });
    expect(said(container)).toBe("Juan Pérez: ¿Está?");
  });

  it("tells many at once by their number", async () => {
    const { update, container } = await show({ messages: some(1, 20) });
    await update({ messages: some(1, 27) });
    expect(said(container)).toBe("7 mensajes nuevos");
  });

  it("tells nothing of pages that were scrolled to", async () => {
    const { update, container } = await show({ messages: some(1, 20), hasMoreAfter: true });
    await update({ messages: some(1, 40), hasMoreAfter: true });
    await update({ messages: some(1, 60), hasMoreAfter: false });
    expect(said(container)).toBe("");
  });
});

describe("MessageHistory by keyboard", () => {
  it("goes to both ends", async () => {
    const user = userEvent.setup();
    const onLoadBefore = vi.fn();
    await show({ hasMoreBefore: true, onLoadBefore });
    await user.tab();
    expect(log()).toHaveFocus();
    await user.keyboard("{Home}");
    expect(screen.getByText("Message 2")).toBeInTheDocument();
    expect(onLoadBefore).toHaveBeenCalled();
    await user.keyboard("{End}");
    expect(screen.getByText("Message 100")).toBeInTheDocument();
    expect(fromEnd()).toBeLessThanOrEqual(2);
  });
});

describe("what was seen", () => {
  it("is the newest message at the end, and what is in sight elsewhere", async () => {
    const onSeen = vi.fn<MessageHistoryProps["onSeen"]>();
    await show({ onSeen, targetSeq: 20 });
    const inSight = onSeen.mock.lastCall?.[0].seq ?? 0;
    expect(inSight).toBeGreaterThanOrEqual(20);
    expect(inSight).toBeLessThan(40);
    await settle(() => void fireEvent.keyDown(log(), { key: "End" }));
    expect(onSeen.mock.lastCall?.[0].seq).toBe(100);
  });

  it("is never a message on its way", async () => {
    const onSeen = vi.fn<MessageHistoryProps["onSeen"]>();
    const pending = { ...aChatMessage({ seq: 6, key: "p", mine: true }), seq: null };
    await show({ onSeen, messages: [...some(1, 5), pending] });
    expect(onSeen.mock.lastCall?.[0].seq).toBe(5);
  });
});
