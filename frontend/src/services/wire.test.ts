// @vitest-environment node

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type AddressInfo, type WebSocket, WebSocketServer } from "ws";
import { openSocketIo, type Wire, type WireListener } from "./wire";

/** The little of Engine.IO 4 and Socket.IO 5 that a server needs to answer one client over a WebSocket. */
class TinyServer {
  readonly received: string[] = [];
  socket: WebSocket | null = null;
  readonly #server = new WebSocketServer({ port: 0 });

  constructor() {
    this.#server.on("connection", (socket) => {
      this.socket = socket;
      const hello = { sid: "s", upgrades: [], pingInterval: 25_000, pingTimeout: 20_000, maxPayload: 1_000_000 };
      socket.send(`0${JSON.stringify(hello)}`);
      socket.on("message", (data) => this.received.push(String(data)));
    });
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  send(packet: string): void {
    this.socket?.send(packet);
  }

  close(): Promise<void> {
    this.socket?.terminate();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

let server: TinyServer;
let wire: Wire;
const listener = { event: vi.fn(), refused: vi.fn(), closed: vi.fn() } satisfies WireListener;

beforeEach(async () => {
  vi.clearAllMocks();
  server = new TinyServer();
  wire = openSocketIo(
    {
      url: server.url,
      namespaces: ["/messaging", "/presence"],
      auth: { token: "t", locale: "en" },
      transports: ["websocket"],
    },
    listener,
  );
  await vi.waitFor(() => expect(server.received).toHaveLength(2));
});
afterEach(async () => {
  wire.close();
  await server.close();
});

it("joins each namespace with the token, on one transport, to be told no offsets", () => {
  expect([...server.received].sort()).toEqual([
    '40/messaging,{"token":"t","locale":"en","recovery":false}',
    '40/presence,{"token":"t","locale":"en","recovery":false}',
  ]);
});

it("carries questions, answers and events", async () => {
  server.send('40/messaging,{"sid":"a"}');
  server.send('42/messaging,["pong",{"timestamp":1},"an-offset"]');
  await vi.waitFor(() =>
    expect(listener.event).toHaveBeenCalledExactlyOnceWith("/messaging", "pong", { timestamp: 1 }),
  );

  const answer = vi.fn();
  wire.emit("/messaging", "ping", { timestamp: 2 }, answer);
  await vi.waitFor(() => expect(server.received.at(-1)).toBe('42/messaging,0["ping",{"timestamp":2}]'));
  server.send('43/messaging,0[{"ok":true,"data":{"behind":[]}}]');
  await vi.waitFor(() => expect(answer).toHaveBeenCalledWith({ ok: true, data: { behind: [] } }));
});

it("tells the refusal of a namespace", async () => {
  server.send('44/messaging,{"message":"No","data":{"ok":false,"error":{"code":"forbidden"}}}');
  await vi.waitFor(() => expect(listener.refused).toHaveBeenCalledWith({ ok: false, error: { code: "forbidden" } }));
});

it("tells once that the transport is gone, and does not come back", async () => {
  server.send('40/messaging,{"sid":"a"}');
  server.send('40/presence,{"sid":"b"}');
  server.socket?.terminate();
  await vi.waitFor(() => expect(listener.closed).toHaveBeenCalledOnce());
  expect(listener.refused).not.toHaveBeenCalled();
});

it("is over when the server puts us out of one namespace", async () => {
  server.send('40/messaging,{"sid":"a"}');
  server.send("41/messaging,");
  await vi.waitFor(() => expect(listener.closed).toHaveBeenCalledOnce());
});

it("tells nothing any more once it was closed", async () => {
  const ended = new Promise((resolve) => server.socket?.once("close", resolve));
  server.send('40/messaging,{"sid":"a"}');
  wire.close();
  await ended;
  expect(listener.closed).not.toHaveBeenCalled();
});

it("tells that there is nobody to connect to", async () => {
  const { url } = server;
  await server.close();
  await vi.waitFor(() => expect(listener.closed).toHaveBeenCalledOnce());
  const alone = openSocketIo(
    { url, namespaces: ["/messaging"], auth: { token: "t" }, transports: ["websocket", "polling"] },
    listener,
  );
  await vi.waitFor(() => expect(listener.closed).toHaveBeenCalledTimes(2));
  alone.close();
  server = new TinyServer();
});
