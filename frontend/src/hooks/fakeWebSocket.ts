import { vi } from "vitest";

type Handler<E extends Event> = ((event: E) => void) | null;

const MICROTASKS = 20;

/** A WebSocket without a network, for tests: `FakeWebSocket.install()`, then open, receive and drop as the server would. */
export class FakeWebSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  static made: FakeWebSocket[] = [];

  readyState = FakeWebSocket.CONNECTING;
  onopen: Handler<Event> = null;
  onmessage: Handler<MessageEvent> = null;
  onclose: Handler<CloseEvent> = null;
  readonly sent: unknown[] = [];
  readonly closedWith: (number | undefined)[] = [];

  /** Stands in for the browser's class until the test ends; forgets the sockets made before. */
  static install(): void {
    FakeWebSocket.made = [];
    vi.stubGlobal("WebSocket", FakeWebSocket);
  }

  /** The newest socket, which is to be the n-th. Sockets are made a few microtasks after their time has come. */
  static async nth(count: number): Promise<FakeWebSocket> {
    for (let turn = 0; turn < MICROTASKS && FakeWebSocket.made.length < count; turn += 1) await Promise.resolve();
    const newest = FakeWebSocket.made.at(-1);
    if (!newest || FakeWebSocket.made.length !== count)
      throw new Error(`${FakeWebSocket.made.length} sockets were made`);
    return newest;
  }

  static only(): Promise<FakeWebSocket> {
    return FakeWebSocket.nth(1);
  }

  constructor(
    readonly url: string,
    readonly protocols: string[] = [],
  ) {
    FakeWebSocket.made.push(this);
  }

  send(data: unknown): void {
    this.sent.push(data);
  }

  close(code?: number): void {
    this.readyState = FakeWebSocket.CLOSED;
    this.closedWith.push(code);
  }

  open(): void {
    this.readyState = FakeWebSocket.OPEN;
    this.onopen?.(new Event("open"));
  }

  receive(data: unknown): void {
    this.onmessage?.(new MessageEvent("message", { data }));
  }

  drop(code: number): void {
    this.readyState = FakeWebSocket.CLOSED;
    this.onclose?.(new CloseEvent("close", { code }));
  }
}
