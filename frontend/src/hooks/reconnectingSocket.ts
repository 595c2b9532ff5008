import { type Backoff, delayAfter } from "../services/backoff";

/** A token, or how to get the newest one before each attempt. */
export type SocketToken = string | (() => string | Promise<string>);

/** How a ReconnectingSocket connects. */
export interface SocketOptions {
  /** Absolute: `ws:` or `wss:`. */
  readonly address: string;
  readonly getToken: (() => string | Promise<string>) | null;
  /** Attempts in a row after a connection ended or failed; 0: never. */
  readonly reconnectAttempts: number;
  /** Between two pings, in ms; 0: none. */
  readonly heartbeatInterval: number;
}

/** What it tells. */
export interface SocketHandlers {
  onOpen(socket: WebSocket): void;
  onMessage(data: unknown): void;
  onClose(event: CloseEvent): void;
}

/** A connection that comes back, until it is closed. */
export interface ReconnectingSocket {
  /** False if there is no connection: it was not sent, and will not be. */
  send(data: unknown): boolean;
  close(): void;
}

const BACKOFF: Backoff = { firstMs: 1_000, longestMs: 30_000 };

/** The server will not have this token, now or later: unauthenticated, token_expired, revoked. */
const FINAL_CODES: readonly number[] = [4401, 4402, 4403];

/** The address of a path of this page's own server, or of any `http(s):` or `ws(s):` URL. */
export function socketAddress(url: string, base: string): string {
  const address = new URL(url, base);
  address.protocol = address.protocol.replace("http", "ws");
  return address.href;
}

/** JSON as what it says, other text and binary frames as they are. */
function parse(data: unknown): unknown {
  if (typeof data !== "string") return data;
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}

/** Opens a plain WebSocket and keeps it open. */
export function openSocket(options: SocketOptions, handlers: SocketHandlers): ReconnectingSocket {
  let socket: WebSocket | null = null;
  let failures = 0;
  let closed = false;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let heartbeat: ReturnType<typeof setInterval> | undefined;

  function send(data: unknown): boolean {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(typeof data === "string" ? data : JSON.stringify(data));
    return true;
  }

  function again(): void {
    if (closed || failures >= options.reconnectAttempts) return;
    failures += 1;
    retry = setTimeout(() => void connect(), delayAfter(failures, BACKOFF));
  }

  function beat(): void {
    if (options.heartbeatInterval <= 0) return;
    heartbeat = setInterval(() => send({ type: "ping", timestamp: Date.now() }), options.heartbeatInterval);
  }

  function listen(opened: WebSocket): void {
    opened.onopen = () => {
      failures = 0;
      beat();
      handlers.onOpen(opened);
    };
    opened.onmessage = (event) => handlers.onMessage(parse(event.data));
    opened.onclose = (event) => {
      clearInterval(heartbeat);
      socket = null;
      if (!FINAL_CODES.includes(event.code)) again();
      handlers.onClose(event);
    };
  }

  async function connect(): Promise<void> {
    try {
      const token = await options.getToken?.();
      if (closed) return;
      socket = new WebSocket(options.address, token === undefined ? [] : ["bearer", token]);
      listen(socket);
    } catch {
      // No token now, or one that cannot be sent: perhaps the next.
      again();
    }
  }

  function close(): void {
    closed = true;
    clearTimeout(retry);
    clearInterval(heartbeat);
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
    socket = null;
  }

  void connect();
  return { send, close };
}
