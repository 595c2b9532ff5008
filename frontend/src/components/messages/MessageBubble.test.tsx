import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import type { ChatMessage, DeliveryState } from "../../services/types";
import { aChatMessage } from "../../testing/factories";
import { MessageBubble, type MessageBubbleProps } from "./MessageBubble";
import { expectAccessible, renderIn } from "./testing";

function show(changes: Partial<ChatMessage>, props: Partial<MessageBubbleProps> = {}) {
  const onRetry = vi.fn();
  const onDiscard = vi.fn();
  const message = aChatMessage(changes);
  const result = renderIn(
    "es",
    <MessageBubble
      message={message}
      position="single"
      isGroup={false}
      onRetry={onRetry}
      onDiscard={onDiscard}
      {...props}
    />,
  );
  return { ...result, onRetry, onDiscard };
}

describe("MessageBubble", () => {
  it("shows text as text, with its line breaks", () => {
    const content = "<img src=x onerror=alert(1)>\n<b>hola</b>";
    const { container } = show({ content });
    expect(container.querySelector("img, b")).toBeNull();
    expect(screen.getByRole("article")).toHaveTextContent("<b>hola</b>");
    expect(container.querySelector("article")?.textContent).toContain(content);
  });

  it("makes addresses clickable without handing anything over", async () => {
    const { container } = show({ content: "vea https://example.com/a." });
    const link = screen.getByRole("link", { name: /^https:\/\/example\.com\/a/ });
    expect(link).toHaveAttribute("href", "https://example.com/a");
    expect(link).toHaveAttribute("target", "_blank");
    expect(link.getAttribute("rel")?.split(" ").sort()).toEqual(["nofollow", "noopener", "noreferrer"]);
    await expectAccessible(container);
  });

  it("tells when, exactly", () => {
    show({ sent_at: "2026-11-24T12:00:00.000Z" });
    const time = screen.getByRole("article").querySelector("time");
    expect(time).toHaveAttribute("dateTime", "2026-11-24T12:00:00.000Z");
    expect(time?.getAttribute("title")).toContain("2026");
  });

  it.each<[DeliveryState, string]>([
    ["sending", "Enviando"],
    ["sent", "Enviado"],
    ["delivered", "Entregado"],
    ["read", "Leído"],
  ])("says of one's own message that it is %s", (state, word) => {
    show({ mine: true, sender_id: 1, state });
    expect(screen.getByText(word)).toBeInTheDocument();
  });

  it("says nothing of how far others' messages got", () => {
    show({ state: "sent" });
    expect(screen.queryByText("Enviado")).not.toBeInTheDocument();
  });

  it("lets one retry and discard what failed, and says why", async () => {
    const user = userEvent.setup();
    const error = Object.assign(new Error("Demasiado largo"), {
      code: "invalid_payload" as const,
      retryable: false,
      details: {},
    });
    const { onRetry, onDiscard, container } = show({ mine: true, state: "failed", key: "k1", error });
    expect(screen.getByText("No enviado: Demasiado largo")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Reintentar" }));
    expect(onRetry).toHaveBeenCalledExactlyOnceWith("k1");
    await user.click(screen.getByRole("button", { name: "Descartar" }));
    expect(onDiscard).toHaveBeenCalledExactlyOnceWith("k1");
    await expectAccessible(container);
  });

  it("shows the sender once in a group, and tells it always", () => {
    show({}, { isGroup: true, position: "start" });
    const first = screen.getByRole("article");
    expect(within(first).getByText("Juan Pérez")).toBeInTheDocument();
    show({}, { isGroup: true, position: "end" });
    const last = screen.getAllByRole("article")[1];
    expect(last).toHaveTextContent("Juan Pérez: Message 1");
  });

  it("makes a few emojis alone bigger", () => {
    const { container } = show({ content: "👍👍" });
    expect(container.querySelector('[data-size="huge"]')).toHaveTextContent("👍👍");
  });
});
