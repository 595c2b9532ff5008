import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { chat } from "../../i18n/chat";
import { createFormats } from "../../i18n/formats";
import { aPresence } from "../../testing/factories";
import { ChatHeader, type ChatHeaderProps } from "./ChatHeader";
import { presenceText } from "./presenceText";
import { SubjectCard } from "./SubjectCard";
import { expectAccessible, renderIn } from "./testing";

function show(changes: Partial<ChatHeaderProps> = {}) {
  return renderIn(
    "es",
    <ChatHeader name="Juan Pérez" status="en línea" typingNames={[]} isGroup={false} {...changes} />,
  );
}

describe("ChatHeader", () => {
  it("says whom with and whether they are there", async () => {
    const { container } = show({ presence: "online" });
    expect(screen.getByRole("heading", { name: "Juan Pérez" })).toBeInTheDocument();
    expect(screen.getByText("en línea")).toBeInTheDocument();
    expect(screen.queryByRole("button")).not.toBeInTheDocument();
    await expectAccessible(container);
  });

  it("says who is typing in place of it", () => {
    const { update } = show({ typingNames: ["Juan"] });
    expect(screen.getByText("escribiendo…")).toBeInTheDocument();
    expect(screen.queryByText("en línea")).not.toBeInTheDocument();
    update(<ChatHeader name="Obra" status={null} typingNames={["Ana"]} isGroup />);
    expect(screen.getByText("Ana está escribiendo…")).toBeInTheDocument();
  });

  it("leads back and to the details", async () => {
    const onBack = vi.fn();
    const onShowDetails = vi.fn();
    const user = userEvent.setup();
    show({ onBack, onShowDetails });
    await user.click(screen.getByRole("button", { name: "Volver a las conversaciones" }));
    await user.click(screen.getByRole("button", { name: "Detalles de la conversación" }));
    expect(onBack).toHaveBeenCalledOnce();
    expect(onShowDetails).toHaveBeenCalledOnce();
  });
});

describe("presenceText", () => {
  const today = new Date();
  today.setHours(9, 5, 0, 0);

  it("is the state of who is there, and since when not of who is not", () => {
    const es = createFormats("es");
    const away = { is_online: false, state: "offline" as const, last_seen: today.toISOString() };
    expect(presenceText(aPresence(), chat.es, es)).toBe("en línea");
    expect(presenceText(aPresence({ state: "away" }), chat.es, es)).toBe("ausente");
    expect(presenceText(aPresence(away), chat.es, es)).toBe("últ. vez hoy a las 9:05");
    expect(presenceText(aPresence({ ...away, last_seen: null }), chat.es, es)).toBe("desconectado");
    expect(presenceText(undefined, chat.es, es)).toBeNull();
  });

  it("names the day as the language does", () => {
    const now = new Date(2026, 10, 24, 12);
    const at = (day: number) => new Date(2026, 10, day, 9, 5).toISOString();
    const { es, en } = chat;
    expect(es.header.lastSeen(at(23), createFormats("es"), now)).toBe("últ. vez ayer a las 9:05");
    expect(es.header.lastSeen(at(20), createFormats("es"), now)).toBe("últ. vez el viernes a las 9:05");
    expect(es.header.lastSeen(at(3), createFormats("es"), now)).toBe("últ. vez el 3 de noviembre a las 9:05");
    expect(en.header.lastSeen(at(23), createFormats("en"), now)).toMatch(/^last seen yesterday at /);
    expect(en.header.lastSeen(at(20), createFormats("en"), now)).toMatch(/^last seen on Friday at /);
  });
});

describe("SubjectCard", () => {
  const subject = { type: "property", id: "1", title: "Piso en Calle Mayor", url: "/properties/1", image_url: null };

  it("is a link to a path or an http address", async () => {
    const { container } = renderIn("es", <SubjectCard subject={subject} />);
    const link = screen.getByRole("link", { name: /Inmueble.*Piso en Calle Mayor/ });
    expect(link).toHaveAttribute("href", "/properties/1");
    await expectAccessible(container);
  });

  it.each([null, "javascript:alert(1)", "//evil.example", "data:text/html,x"])("is no link to %s", (url) => {
    renderIn("es", <SubjectCard subject={{ ...subject, url }} />);
    expect(screen.queryByRole("link")).not.toBeInTheDocument();
    expect(screen.getByText("Piso en Calle Mayor")).toBeInTheDocument();
  });

  it("shows a type that it does not know as it is", () => {
    renderIn("en", <SubjectCard subject={{ ...subject, type: "invoice" }} />);
    expect(screen.getByText("invoice")).toBeInTheDocument();
  });
});
