// A plain WebSocket used as the source document's page does it, scriptable (see lines.mjs).
import WebSocket from "ws";
import { report, serve } from "./lines.mjs";

let ws;

serve({
  connect({ url }) {
    ws = new WebSocket(url);
    ws.onmessage = (event) => {
      const { type, ...payload } = JSON.parse(event.data);
      report(type, payload);
    };
    ws.onclose = (event) => report("close", { code: event.code, reason: event.reason });
    return new Promise((resolve, reject) => {
      ws.onopen = () => resolve();
      ws.onerror = (event) => reject(new Error(event.message));
    });
  },
  send({ message }) {
    ws.send(JSON.stringify(message));
  },
  disconnect() {
    if (!ws || ws.readyState === WebSocket.CLOSED) return undefined;
    const closed = new Promise((resolve) => ws.addEventListener("close", resolve));
    ws.close();
    return closed.then(() => undefined);
  },
});
