/** The usage examples of the product's specification, to the letter: they compile, and do what they say. */
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { type ReactNode, StrictMode } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeWebSocket } from "../hooks/fakeWebSocket";
import { RealtimeProvider } from "../hooks/RealtimeProvider";
import { Failure } from "../services/failure";
import { aNotification, someSettings } from "../testing/factories";
import { createFakeClient, type FakeClient } from "../testing/fakeClient";
import ChatComponent from "./ChatComponent";
import MyComponent from "./MyComponent";
import NotificationComponent from "./NotificationComponent";

afterEach(cleanup);

function show(client: FakeClient, children: ReactNode) {
  return render(
    <StrictMode>
      <RealtimeProvider client={client}>{children}</RealtimeProvider>
    </StrictMode>,
  );
}

describe("useWebSocket", () => {
  beforeEach(() => FakeWebSocket.install());

  it("runs", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    render(
      <StrictMode>
        <MyComponent />
      </StrictMode>,
    );
    expect(screen.getByText("Estado: Desconectado")).toBeInTheDocument();
    const socket = await FakeWebSocket.only();
    expect(socket.url).toBe("ws://localhost:3000/ws/custom/");
    act(() => socket.open());
    expect(screen.getByText("Estado: Conectado")).toBeInTheDocument();
    fireEvent.click(screen.getByText("Enviar"));
    expect(socket.sent).toEqual(['{"type":"custom","data":"hello"}']);
    act(() => socket.receive('{"type":"custom","data":"hola"}'));
    act(() => socket.drop(1006));
    expect(log.mock.calls).toEqual([["Connected"], ["Received:", { type: "custom", data: "hola" }], ["Disconnected"]]);
    expect(screen.getByText("Estado: Desconectado")).toBeInTheDocument();
  });
});

describe("useRealTimeMessages", () => {
  it("runs", () => {
    const client = createFakeClient({
      threads: { totalUnread: 2 },
      typing: { users: [{ userId: 2, userName: "Juan Pérez", threadId: "thread-123" }] },
    });
    const { unmount } = show(client, <ChatComponent />);
    expect(screen.getByText("Mensajes sin leer: 2")).toBeInTheDocument();
    expect(screen.getByText("Conexión: 🟢")).toBeInTheDocument();
    expect(screen.getByText("Juan Pérez está escribiendo...")).toBeInTheDocument();
    expect(client.join.mock.calls.length - client.left.length).toBe(1);
    act(() => client.connection.set({ ...client.connection.getSnapshot(), status: "waiting" }));
    expect(screen.getByText("Conexión: 🔴")).toBeInTheDocument();
    unmount();
    expect(client.join.mock.calls.length - client.left.length).toBe(0);
  });
});

describe("useRealTimeNotifications", () => {
  const unhandled = vi.fn();
  beforeEach(() => {
    process.on("unhandledRejection", unhandled);
  });
  afterEach(() => {
    process.off("unhandledRejection", unhandled);
  });

  it("runs", async () => {
    const client = createFakeClient({
      notifications: { notifications: [aNotification()], unreadCount: 1 },
      settings: someSettings(),
    });
    // A refusal at which the example does not look.
    client.notifications.markRead.mockRejectedValueOnce(new Failure("not_found", "No.", false));
    show(client, <NotificationComponent />);
    expect(screen.getByText("Notificaciones: 1")).toBeInTheDocument();
    expect(screen.getByRole("heading", { name: "Rent paid" })).toBeInTheDocument();
    expect(screen.getByText("The rent of November was paid.")).toBeInTheDocument();
    fireEvent.click(screen.getByText("Marcar leída"));
    expect(client.notifications.markRead).toHaveBeenCalledExactlyOnceWith("n1");
    fireEvent.click(screen.getByText("Habilitar Push"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).not.toHaveBeenCalled();
  });
});
