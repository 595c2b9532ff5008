import { Manager } from "socket.io-client";
import type { Namespace } from "../types/generated/contract";
import { isRecord } from "./failure";

/** The longest that a timer can be set to. */
const LONGEST_MS = 2 ** 31 - 1;

/** How to open a wire. */
export interface WireOptions {
  /** Undefined: the page's own origin. */
  readonly url: string | undefined;
  readonly namespaces: readonly Namespace[];
  readonly auth: { readonly token: string; readonly locale?: string };
  /** In the order in which they are tried. */
  readonly transports: readonly ("polling" | "websocket")[];
}

/** What a wire tells. After `closed` or `close()` it tells nothing more. */
export interface WireListener {
  event(namespace: Namespace, name: string, payload: unknown): void;
  /** A namespace would not have us. */
  refused(envelope: unknown): void;
  /** The transport is gone or never opened, or the server put us out of a namespace. */
  closed(): void;
}

/** One transport with our namespaces on it, for one attempt: it never comes back by itself. */
export interface Wire {
  emit(namespace: Namespace, name: string, request: unknown, answer: (envelope: unknown) => void): void;
  close(): void;
}

/** Opens a wire; a test gives its own. */
export type OpenWire = (options: WireOptions, listener: WireListener) => Wire;

/**
 * Opens a wire of socket.io. Each attempt has a Manager of its own with `reconnection: false`: when to try again, with
 * which token, and what the countdown shows is decided in one place, `Connection`, and nothing buffered in a lost socket
 * goes out later behind the outbox's back. A new Manager has nothing that the server could recover: we catch up by
 * revisions, and ask it not to put an offset behind each event.
 */
export const openSocketIo: OpenWire = ({ url, namespaces, auth, transports }, listener) => {
  const options = {
    autoConnect: false,
    reconnection: false,
    transports: [...transports],
    tryAllTransports: true,
    // How long an attempt may take is the connection's to say.
    timeout: LONGEST_MS,
  };
  const manager = url === undefined ? new Manager(options) : new Manager(url, options);
  const sockets = new Map(
    namespaces.map((namespace) => [namespace, manager.socket(namespace, { auth: { ...auth, recovery: false } })]),
  );
  let open = true;

  const close = () => {
    open = false;
    for (const socket of sockets.values()) socket.disconnect();
  };
  const closed = () => {
    if (!open) return;
    close();
    listener.closed();
  };

  manager.on("error", closed);
  manager.on("close", closed);
  for (const [namespace, socket] of sockets) {
    socket.onAny((name: string, payload: unknown) => {
      if (open) listener.event(namespace, name, payload);
    });
    socket.on("disconnect", closed);
    socket.on("connect_error", (error) => {
      // Without data it is the transport's error, which the manager tells, too.
      if (open && "data" in error && isRecord(error.data)) listener.refused(error.data);
    });
    socket.connect();
  }
  return {
    emit: (namespace, name, request, answer) => {
      sockets.get(namespace)?.emit(name, request, answer);
    },
    close,
  };
};
