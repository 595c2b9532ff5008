/** The examples of the product's documentation, as they stand there. */
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { type ReactNode, StrictMode, useEffect } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Failure } from "../services/failure";
import { aNotification, someSettings } from "../testing/factories";
import { createFakeClient, type FakeClient } from "../testing/fakeClient";
import { FakeWebSocket } from "./fakeWebSocket";
import { RealtimeProvider } from "./RealtimeProvider";
import { useRealTimeMessages } from "./useRealTimeMessages";
import { useRealTimeNotifications } from "./useRealTimeNotifications";
import { useWebSocket } from "./useWebSocket";

afterEach(cleanup);

function show(client: FakeClient, children: ReactNode) {
  return render(
    <StrictMode>
      <RealtimeProvider client={client}>{children}</RealtimeProvider>
    </StrictMode>,
  );
}

function MyComponent() {
  const { isConnected, sendMessage } = useWebSocket({
    url: "/ws/custom/",
    onMessage: (message) => console.log("Received:", message),
    onOpen: () => console.log("Connected"),
    onClose: () => console.log("Disconnected"),
    reconnectAttempts: 5,
    heartbeatInterval: 30000,
  });

  const handleSend = () => {
    sendMessage({ type: "custom", data: "hello" });
  };

  return (
    <div>
      <p>Estado: {isConnected ? "Conectado" : "Desconectado"}</p>
      <button type="button" onClick={handleSend}>
        Enviar
      </button>
    </div>
  );
}

function ChatComponent() {
  const {
    isConnected,
    sendMessage,
    markMessagesAsRead,
    startTyping,
    stopTyping,
    typingUsers,
    unreadCount,
    joinThread,
  } = useRealTimeMessages();

  useEffect(() => {
    joinThread("thread-123");
  }, [joinThread]);

  const handleSendMessage = (content: string) => {
    sendMessage("thread-123", content);
  };

  return (
    <div>
      <p>Mensajes no leídos: {unreadCount}</p>
      <p>Estado: {isConnected ? "Conectado" : "Desconectado"}</p>
      {typingUsers.map((user) => (
        <p key={user.userId}>{user.userName} está escribiendo...</p>
      ))}
      <input onFocus={() => startTyping("thread-123")} onBlur={() => stopTyping("thread-123")} />
      <button type="button" onClick={() => handleSendMessage("Hola")}>
        Enviar
      </button>
      <button type="button" onClick={() => markMessagesAsRead("thread-123")}>
        Leído
      </button>
    </div>
  );
}

function NotificationComponent() {
  const { notifications, unreadCount, enablePushNotifications, markAsRead, clearNotification } =
    useRealTimeNotifications();

  return (
    <div>
      <p>Notificaciones: {unreadCount}</p>
      <button type="button" onClick={enablePushNotifications}>
        Habilitar Push
      </button>
      {notifications.map((notification) => (
        <div key={notification.id}>
          <h4>{notification.title}</h4>
          <p>{notification.message}</p>
          <button type="button" onClick={() => markAsRead(notification.id)}>
            Marcar leída
          </button>
          <button type="button" onClick={() => clearNotification(notification.id)}>
            Quitar
          </button>
        </div>
      ))}
    </div>
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
    expect(screen.getByText("Mensajes no leídos: 2")).toBeInTheDocument();
    expect(screen.getByText("Estado: Conectado")).toBeInTheDocument();
    expect(screen.getByText("Juan Pérez está escribiendo...")).toBeInTheDocument();
    expect(client.join.mock.calls.length - client.left.length).toBe(1);
    fireEvent.click(screen.getByText("Enviar"));
    expect(client.send).toHaveBeenCalledExactlyOnceWith("thread-123", "Hola");
    fireEvent.click(screen.getByText("Leído"));
    expect(client.markRead).toHaveBeenCalledExactlyOnceWith("thread-123");
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
    client.notifications.clear.mockRejectedValueOnce(new Failure("not_found", "No.", false));
    show(client, <NotificationComponent />);
    expect(screen.getByText("Notificaciones: 1")).toBeInTheDocument();
    expect(screen.getByRole("heading", { name: "Rent paid" })).toBeInTheDocument();
    expect(screen.getByText("The rent of November was paid.")).toBeInTheDocument();
    fireEvent.click(screen.getByText("Marcar leída"));
    expect(client.notifications.markRead).toHaveBeenCalledExactlyOnceWith("n1");
    fireEvent.click(screen.getByText("Quitar"));
    expect(client.notifications.clear).toHaveBeenCalledExactlyOnceWith("n1");
    fireEvent.click(screen.getByText("Habilitar Push"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).not.toHaveBeenCalled();
  });
});
