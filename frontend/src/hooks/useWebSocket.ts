import { useCallback, useEffect, useRef, useState } from "react";
import { openSocket, type ReconnectingSocket, type SocketToken, socketAddress } from "./reconnectingSocket";
import { useLatest } from "./useLatest";

/** How to connect. Functions may be new on each render; a new url, token text or number connects anew. */
export interface WebSocketOptions {
  /** A path of this page's own server, or a whole address. */
  readonly url: string;
  /** JSON that came as what it says, other text and binary frames as they are. */
  readonly onMessage?: (message: unknown) => void;
  readonly onOpen?: () => void;
  readonly onClose?: (event: CloseEvent) => void;
  /** Attempts in a row after a connection ended or failed, each later than the one before. 0: none. Default 5. */
  readonly reconnectAttempts?: number;
  /** Sends `{type: "ping", timestamp}` every so many ms; 0: never. Default 30,000. */
  readonly heartbeatInterval?: number;
  /** Sent as the subprotocols `bearer` and the token, which keeps it out of addresses and logs. */
  readonly token?: SocketToken;
}

/** A plain WebSocket that comes back by itself. */
export interface WebSocketResult {
  /** The connection that is open now. */
  readonly socket: WebSocket | null;
  readonly isConnected: boolean;
  /** Text as it is, anything else as JSON. False if there is no connection: then it is not sent, nor kept. */
  sendMessage(message: unknown): boolean;
}

/**
 * Any plain WebSocket route. It does not come back after close codes 4401, 4402 and 4403 (the token is not, or no longer,
 * good). Needs no RealtimeProvider.
 */
export function useWebSocket(options: WebSocketOptions): WebSocketResult {
  const { url, reconnectAttempts = 5, heartbeatInterval = 30_000, token } = options;
  const [socket, setSocket] = useState<WebSocket | null>(null);
  const connection = useRef<ReconnectingSocket | null>(null);
  const latest = useLatest(options);
  // A function is asked anew on each attempt; another function is no reason to connect again.
  const tokenKind = typeof token === "function" ? "function" : token;

  useEffect(() => {
    const opened = openSocket(
      {
        address: socketAddress(url, window.location.href),
        getToken: tokenKind === undefined ? null : () => tokenOf(latest.current.token),
        reconnectAttempts,
        heartbeatInterval,
      },
      {
        onOpen: (now) => {
          setSocket(now);
          latest.current.onOpen?.();
        },
        onMessage: (message) => latest.current.onMessage?.(message),
        onClose: (event) => {
          setSocket(null);
          latest.current.onClose?.(event);
        },
      },
    );
    connection.current = opened;
    return () => {
      opened.close();
      connection.current = null;
      setSocket(null);
    };
  }, [url, tokenKind, reconnectAttempts, heartbeatInterval, latest]);

  const sendMessage = useCallback((message: unknown) => connection.current?.send(message) ?? false, []);
  return { socket, isConnected: socket !== null, sendMessage };
}

async function tokenOf(token: SocketToken | undefined): Promise<string> {
  return typeof token === "function" ? token() : (token ?? "");
}
