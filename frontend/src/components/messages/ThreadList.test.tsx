import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { aMessage, aParticipant, aPresence, aThread, ME } from "../../testing/factories";
import type { Thread } from "../../types/generated/contract";
import { ThreadList, type ThreadListProps } from "./ThreadList";
import { moveBy } from "./ThreadRows";
import { expectAccessible, renderIn, withLayout } from "./testing";

function direct(id: string, name: string, changes: Partial<Thread> = {}): Thread {
  const me = aParticipant({ user_id: ME, display_name: "María" });
  return aThread({ id, participants: [me, aParticipant({ user_id: `u-${id}`, display_name: name })], ...changes });
}

const THREADS = [
  direct("a", "Ana López", { unread_count: 3, last_message: aMessage({ content: "¿Hay agua?" }) }),
  direct("b", "Bruno Díaz", { last_message: aMessage({ content: "Vale", sender_id: ME, is_read: true }) }),
  direct("c", "Carla Ruiz"),
];

function list(changes: Partial<ThreadListProps> = {}) {
  return (
    <ThreadList
      threads={THREADS}
      me={ME}
      presences={new Map()}
      typing={new Map()}
      onSelect={() => {}}
      status="ready"
      errorMessage={null}
      hasMore={false}
      isLoadingMore={false}
      onLoadMore={() => {}}
      onReload={() => {}}
      {...changes}
    />
  );
}

function show(changes: Partial<ThreadListProps> = {}) {
  return { ...renderIn("es", list(changes)), user: userEvent.setup() };
}

const items = () => within(screen.getByRole("list")).getAllByRole("button");
const item = (name: RegExp) => screen.getByRole("button", { name });

describe("ThreadList", () => {
  it("tells of each thread whom with, what was last, what is unread", async () => {
    const { container } = show({ selectedThreadId: "b" });
    expect(item(/Ana López/)).toHaveAccessibleName(/¿Hay agua\?.*3 mensajes sin leer/);
    expect(item(/Bruno Díaz/)).toHaveAccessibleName(/Leído.*Tú:.*Vale/);
    expect(item(/Carla Ruiz/)).toHaveAccessibleName(/Sin mensajes todavía/);
    expect(item(/Bruno Díaz/)).toHaveAttribute("aria-current", "true");
    expect(item(/Ana López/)).not.toHaveAttribute("aria-current");
    await expectAccessible(container);
  });

  it("shows who is there, and who is typing in place of the last message", () => {
    show({
      presences: new Map([["u-a", aPresence({ user_id: "u-a" })]]),
      typing: new Map([["a", ["Ana"]]]),
    });
    expect(item(/Ana López/)).toHaveAccessibleName(/En línea.*escribiendo…/);
    expect(item(/Ana López/)).not.toHaveAccessibleName(/agua/);
  });

  it("names who wrote and who types in a group", () => {
    const participants = [aParticipant({ user_id: ME }), aParticipant(), aParticipant({ user_id: 7 })];
    const group = aThread({ id: "g", kind: "group", title: "Obra", participants, last_message: aMessage() });
    const { update } = show({ threads: [group] });
    expect(item(/Obra/)).toHaveAccessibleName(/Juan Pérez: Message 1/);
    update(list({ threads: [group], typing: new Map([["g", ["Ana"]]]) }));
    expect(item(/Obra/)).toHaveAccessibleName(/Ana está escribiendo…/);
  });

  it("opens a thread by click and by keyboard", async () => {
    const onSelect = vi.fn();
    const { user } = show({ onSelect });
    await user.click(item(/Carla/));
    expect(onSelect).toHaveBeenLastCalledWith("c");
    await user.keyboard("{ArrowUp}{Enter}");
    expect(onSelect).toHaveBeenLastCalledWith("b");
  });

  it("is one tab stop, at the selected thread; arrows, Home and End move it", async () => {
    const { user } = show({ selectedThreadId: "b" });
    await user.tab();
    expect(screen.getByRole("searchbox")).toHaveFocus();
    await user.tab();
    expect(item(/Bruno/)).toHaveFocus();
    await user.keyboard("{End}");
    expect(item(/Carla/)).toHaveFocus();
    await user.keyboard("{ArrowDown}");
    expect(item(/Carla/)).toHaveFocus();
    await user.keyboard("{Home}");
    expect(item(/Ana/)).toHaveFocus();
    expect(items().map((one) => one.tabIndex)).toEqual([0, -1, -1]);
  });
});

describe("ThreadList's search", () => {
  it("filters without regard to accents, and says how many are left", async () => {
    const { user } = show();
    await user.type(screen.getByRole("searchbox", { name: "Buscar conversaciones" }), "lopez");
    expect(items()).toHaveLength(1);
    expect(screen.getByRole("status")).toHaveTextContent("1 conversación");
    await user.clear(screen.getByRole("searchbox"));
    expect(items()).toHaveLength(3);
  });

  it("says when nothing matches; Esc and the button empty it", async () => {
    const { user } = show();
    const field = screen.getByRole("searchbox");
    await user.type(field, "zzz");
    expect(screen.getByText("Nada coincide con «zzz»")).toBeInTheDocument();
    await user.keyboard("{Escape}");
    expect(field).toHaveValue("");
    await user.type(field, "ana");
    await user.click(screen.getByRole("button", { name: "Borrar búsqueda" }));
    expect(field).toHaveValue("");
    expect(field).toHaveFocus();
  });

  it("leads to the list by arrow down", async () => {
    const { user } = show();
    await user.type(screen.getByRole("searchbox"), "c{ArrowDown}");
    expect(items()[0]).toHaveFocus();
  });
});

describe("ThreadList's states", () => {
  it("is loading", async () => {
    const { container } = show({ threads: [], status: "loading" });
    expect(screen.getByText("Cargando conversaciones")).toBeInTheDocument();
    await expectAccessible(container);
  });

  it("is empty, and offers a new conversation", async () => {
    const onNewConversation = vi.fn();
    const { user } = show({ threads: [], onNewConversation });
    expect(screen.getByText("Aún no tienes conversaciones")).toBeInTheDocument();
    for (const button of screen.getAllByRole("button", { name: "Nueva conversación" })) await user.click(button);
    expect(onNewConversation).toHaveBeenCalledTimes(2);
  });

  it("failed, and tries again", async () => {
    const onReload = vi.fn();
    const { user } = show({ threads: [], status: "error", errorMessage: "No disponible", onReload });
    expect(screen.getByRole("alert")).toHaveTextContent("No disponible");
    await user.click(screen.getByRole("button", { name: /Reintentar|Volver a intentar/ }));
    expect(onReload).toHaveBeenCalledOnce();
  });

  it("could not load a further page, and tries again when asked", async () => {
    const onLoadMore = vi.fn();
    const { user } = show({ hasMore: true, errorMessage: "No disponible", onLoadMore });
    await user.click(screen.getByRole("button", { name: "Reintentar: No disponible" }));
    expect(onLoadMore).toHaveBeenCalledOnce();
  });
});

describe("ThreadList with many threads", () => {
  withLayout({ height: 800, rowHeight: 80 });
  const many = Array.from({ length: 1000 }, (_, index) => direct(`t${index}`, `Person ${index}`));

  it("renders a part of them, and says how many there are", async () => {
    const { user, container } = show({ threads: many });
    const rows = within(screen.getByRole("list")).getAllByRole("listitem");
    expect(rows.length).toBeLessThan(60);
    expect(rows[0]).toHaveAttribute("aria-setsize", "1000");
    await user.click(item(/Person 0\b/));
    await user.keyboard("{End}");
    expect(item(/Person 999/)).toHaveFocus();
    await expectAccessible(container);
  });
});

describe("moveBy", () => {
  it("stays within the list", () => {
    expect(moveBy("ArrowUp", 0, 3)).toBe(0);
    expect(moveBy("PageDown", 1, 3)).toBe(2);
    expect(moveBy("a", 1, 3)).toBeNull();
  });
});
