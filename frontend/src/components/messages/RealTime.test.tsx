import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { RealtimeProvider } from "../../hooks/RealtimeProvider";
import type { ChatMessage, RealtimeFailure } from "../../services/types";
import { aChatMessage, aMessage, aParticipant, aPresence, aThread, ME, OTHER } from "../../testing/factories";
import { createFakeClient, type FakeClient, type FakeClientState } from "../../testing/fakeClient";
import { ConnectionBanner } from "./ConnectionBanner";
import { RealTimeChatWindow } from "./RealTimeChatWindow";
import { RealTimeMessageList } from "./RealTimeMessageList";
import { expectAccessible, renderIn, settle, withLayout } from "./testing";

withLayout({ height: 400, rowHeight: 40 });

const focus = { isFocused: true };

beforeEach(() => {
  focus.isFocused = true;
  vi.spyOn(document, "hasFocus").mockImplementation(() => focus.isFocused);
});

async function show(element: ReactNode, state: FakeClientState) {
  const client = createFakeClient(state);
  const result = renderIn("es", <RealtimeProvider client={client}>{element}</RealtimeProvider>);
  await settle();
  return { ...result, client, user: userEvent.setup() };
}

function failure(code: RealtimeFailure["code"], message: string): RealtimeFailure {
  return Object.assign(new Error(message), { code, retryable: false, details: {} });
}

function some(to: number): ChatMessage[] {
  return Array.from({ length: to }, (_, index) => aChatMessage({ seq: index + 1 }));
}

function loaded(count: number, unread = 0): FakeClientState {
  const participants = [aParticipant({ user_id: ME, display_name: "María", read_seq: count - unread }), aParticipant()];
  const thread = aThread({ participants, last_seq: count, unread_count: unread });
  return {
    threads: { threads: [thread] },
    histories: { t1: { messages: some(count) } },
    presence: { users: new Map([[String(OTHER), aPresence()]]) },
  };
}

const log = () => screen.getByRole("log");
const composer = () => screen.getByRole("textbox", { name: "Mensaje para Juan Pérez" });

function setHistory(client: FakeClient, messages: ChatMessage[]) {
  const history = client.history("t1");
  act(() => history.set({ ...history.getSnapshot(), messages }));
}

describe("RealTimeChatWindow", () => {
  it("shows the conversation", async () => {
    const { container } = await show(<RealTimeChatWindow threadId="t1" />, loaded(20));
    expect(screen.getByRole("heading", { name: "Juan Pérez" })).toBeInTheDocument();
    expect(screen.getByText("en línea")).toBeInTheDocument();
    expect(within(log()).getByText("Message 20")).toBeInTheDocument();
    await expectAccessible(container);
  });

  it("sends, and tells that one types", async () => {
    const { client, user } = await show(<RealTimeChatWindow threadId="t1" />, loaded(3));
    await user.type(composer(), "Hola");
    expect(client.startTyping).toHaveBeenCalledWith("t1");
    expect(client.drafts.get("t1")).toBe("Hola");
    await user.keyboard("{Enter}");
    expect(client.send).toHaveBeenCalledExactlyOnceWith("t1", "Hola");
    expect(client.drafts.get("t1")).toBe("");
  });

  it("begins with the draft of its thread", async () => {
    const client = createFakeClient(loaded(1));
    client.drafts.set("t1", "a medias");
    renderIn(
      "es",
      <RealtimeProvider client={client}>
        <RealTimeChatWindow threadId="t1" />
      </RealtimeProvider>,
    );
    await settle();
    expect(composer()).toHaveValue("a medias");
  });

  it("shows a draft that is only found once it is known whose", async () => {
    const { client } = await show(<RealTimeChatWindow threadId="t1" />, { ...loaded(1), me: null });
    expect(screen.getByRole("textbox")).toHaveValue("");
    client.drafts.set("t1", "a medias");
    act(() => client.me.set(ME));
    expect(screen.getByRole("textbox")).toHaveValue("a medias");
  });

  it("keeps what is written as long as it could not be kept to be sent", async () => {
    const { client, user } = await show(<RealTimeChatWindow threadId="t1" />, { ...loaded(1), me: null });
    await user.type(screen.getByRole("textbox"), "Hola{Enter}");
    expect(client.send).not.toHaveBeenCalled();
    expect(screen.getByRole("textbox")).toHaveValue("Hola");
    act(() => client.me.set(ME));
    await user.type(composer(), "{Enter}");
    expect(client.send).toHaveBeenCalledExactlyOnceWith("t1", "Hola");
  });

  it("shows what waits for a connection, though nothing else is known", async () => {
    const waiting = aChatMessage({ seq: null, mine: true, sender_id: ME, state: "sending", content: "En el túnel" });
    const { client } = await show(<RealTimeChatWindow threadId="t1" />, {
      connection: { status: "waiting" },
      histories: { t1: { loaded: false, messages: [waiting] } },
    });
    client.threads.fetch.mockReturnValue(new Promise(() => {}));
    expect(within(log()).getByText("En el túnel")).toBeInTheDocument();
    act(() => client.connection.set({ ...client.connection.getSnapshot(), status: "online" }));
    expect(screen.queryByText("En el túnel")).not.toBeInTheDocument();
  });

  it("shows who types, but not oneself on another device", async () => {
    const { client } = await show(<RealTimeChatWindow threadId="t1" />, loaded(3));
    act(() => client.typing.set({ users: [{ userId: ME, userName: "María", threadId: "t1" }] }));
    expect(screen.queryByText(/escribiendo/)).not.toBeInTheDocument();
    act(() => client.typing.set({ users: [{ userId: OTHER, userName: "Juan", threadId: "t1" }] }));
    expect(screen.getByText("Juan está escribiendo…")).toBeInTheDocument();
    expect(screen.getByText("escribiendo…")).toBeInTheDocument();
  });

  it("asks for the first message of an empty thread", async () => {
    const { container } = await show(<RealTimeChatWindow threadId="t1" />, loaded(0));
    expect(screen.getByText("Escribe el primer mensaje")).toBeInTheDocument();
    await expectAccessible(container);
  });

  it("waits for the first page", async () => {
    const state = { ...loaded(0), histories: { t1: { loaded: false } } };
    const { client } = await show(<RealTimeChatWindow threadId="t1" />, {
      ...state,
      connection: { status: "connecting" },
    });
    expect(screen.getByText("Cargando mensajes")).toBeInTheDocument();
    const history = client.history("t1");
    act(() => history.set({ ...history.getSnapshot(), loaded: true, messages: some(2) }));
    expect(await screen.findByText("Message 2")).toBeInTheDocument();
  });

  it("tells of a failed load, and tries again", async () => {
    const client = createFakeClient({ ...loaded(0), histories: { t1: { loaded: false } } });
    const history = client.history("t1");
    history.load.mockRejectedValue(failure("unavailable", "No disponible"));
    renderIn(
      "es",
      <RealtimeProvider client={client}>
        <RealTimeChatWindow threadId="t1" />
      </RealtimeProvider>,
    );
    expect(await screen.findByRole("alert")).toHaveTextContent("No disponible");
    const loads = history.load.mock.calls.length;
    await userEvent.setup().click(within(screen.getByRole("alert")).getByRole("button"));
    await waitFor(() => expect(history.load.mock.calls.length).toBeGreaterThan(loads));
  });

  it("says of an unknown thread that it does not exist, with a way back", async () => {
    const onBack = vi.fn();
    const client = createFakeClient();
    client.threads.fetch.mockRejectedValue(failure("not_found", "No se ha encontrado."));
    renderIn(
      "es",
      <RealtimeProvider client={client}>
        <RealTimeChatWindow threadId="t9" onBack={onBack} />
      </RealtimeProvider>,
    );
    expect(await screen.findByText("Esta conversación no existe")).toBeInTheDocument();
    expect(screen.queryByRole("textbox")).not.toBeInTheDocument();
    await userEvent.setup().click(screen.getByRole("button", { name: "Volver a las conversaciones" }));
    expect(onBack).toHaveBeenCalledOnce();
  });
});

describe("reading", () => {
  it("reads what is seen at the end", async () => {
    const { client } = await show(<RealTimeChatWindow threadId="t1" />, loaded(8, 2));
    await waitFor(() => expect(client.markRead).toHaveBeenCalledWith("t1", "m8"));
    expect(client.markRead).toHaveBeenCalledTimes(1);
  });

  it("reads nothing in a window that is not looked at, until it is", async () => {
    focus.isFocused = false;
    const { client } = await show(<RealTimeChatWindow threadId="t1" />, loaded(8, 2));
    expect(client.markRead).not.toHaveBeenCalled();
    focus.isFocused = true;
    act(() => void window.dispatchEvent(new Event("focus")));
    expect(client.markRead).toHaveBeenCalledExactlyOnceWith("t1", "m8");
  });

  it("reads nothing while there is no connection, and what was seen once there is", async () => {
    const state = loaded(8, 2);
    const { client } = await show(<RealTimeChatWindow threadId="t1" />, {
      ...state,
      connection: { status: "waiting" },
    });
    expect(client.markRead).not.toHaveBeenCalled();
    act(() => client.connection.set({ ...client.connection.getSnapshot(), status: "online" }));
    await waitFor(() => expect(client.markRead).toHaveBeenCalledWith("t1", "m8"));
  });

  it("reads no further than what was scrolled to", async () => {
    const { client } = await show(<RealTimeChatWindow threadId="t1" />, loaded(49, 40));
    await waitFor(() => expect(client.markRead).toHaveBeenCalled());
    const last = Number(client.markRead.mock.lastCall?.[1]?.slice(1));
    expect(last).toBeGreaterThanOrEqual(10);
    expect(last).toBeLessThan(40);
    expect(screen.getByRole("button", { name: /40 mensajes nuevos/ })).toBeInTheDocument();
  });

  it("has nothing to read where nothing is unread", async () => {
    const { client } = await show(<RealTimeChatWindow threadId="t1" />, loaded(8));
    setHistory(client, [...some(8), aChatMessage({ seq: 9, mine: true, sender_id: ME })]);
    expect(client.markRead).not.toHaveBeenCalled();
  });
});

describe("RealTimeMessageList", () => {
  const threads = [aThread({ last_message: aMessage() }), aThread({ id: "t2", kind: "group", title: "Obra" })];

  it("shows the threads with who is there, and opens them", async () => {
    const onSelectThread = vi.fn();
    const { user, client } = await show(<RealTimeMessageList onSelectThread={onSelectThread} />, {
      threads: { threads },
      presence: { users: new Map([[String(OTHER), aPresence()]]) },
    });
    expect(client.presence.ensure).toHaveBeenCalledWith([OTHER]);
    await user.click(screen.getByRole("button", { name: /Juan Pérez.*Message 1/ }));
    expect(onSelectThread).toHaveBeenCalledExactlyOnceWith("t1");
  });

  it("hears who types in its threads, and leaves them when it goes", async () => {
    const { client, unmount } = await show(<RealTimeMessageList onSelectThread={() => {}} />, { threads: { threads } });
    expect(client.join.mock.calls.map(([id]) => id)).toEqual(["t1", "t2"]);
    act(() => client.threads.set({ ...client.threads.getSnapshot(), threads: [...threads].reverse() }));
    expect(client.join).toHaveBeenCalledTimes(2);
    act(() => client.typing.set({ users: [{ userId: 5, userName: "Ana", threadId: "t2" }] }));
    expect(screen.getByRole("button", { name: /Obra.*Ana está escribiendo/ })).toBeInTheDocument();
    unmount();
    expect([...client.left].sort()).toEqual(["t1", "t2"]);
  });
});

describe("ConnectionBanner", () => {
  it("tells of a lost connection, and hastens the next attempt", async () => {
    const { client, user } = await show(<ConnectionBanner />, {
      connection: { status: "waiting", retryAt: Date.now() + 5000 },
    });
    expect(screen.getByRole("status")).toHaveTextContent("Sin conexión.");
    await user.click(screen.getByRole("button", { name: "Reintentar ahora" }));
    expect(client.retryNow).toHaveBeenCalledOnce();
  });
});
