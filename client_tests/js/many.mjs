// Connects the official client again and again, with its default transports: polling first, then the upgrade.
//   node many.mjs URL TOKEN COUNT AT_ONCE
// Prints {"ok", "upgraded", "errors": {why: how often}}.
import { io } from "socket.io-client";

const [url, token, count, atOnce] = process.argv.slice(2);
const PATIENCE_MS = 20_000;
const result = { ok: 0, upgraded: 0, errors: {} };

/** Connects, upgrades, asks something, and leaves. */
function visit() {
  return new Promise((resolve) => {
    const socket = io(`${url}/messaging`, { auth: { token }, forceNew: true, reconnection: false });
    const leave = (error) => {
      clearTimeout(timer);
      if (error) result.errors[error] = (result.errors[error] ?? 0) + 1;
      else result.ok += 1;
      if (socket.io.engine?.transport.name === "websocket") result.upgraded += 1;
      socket.disconnect();
      resolve();
    };
    const timer = setTimeout(() => leave("nothing happened"), PATIENCE_MS);
    const ask = () => socket.emit("ping", {}, (answer) => leave(answer.ok ? null : answer.error.code));
    socket.on("connect_error", (error) => leave(`connect_error: ${error.message}`));
    socket.on("connect", () => {
      const { engine } = socket.io;
      if (engine.transport.name === "websocket") ask();
      else engine.once("upgrade", ask);
    });
  });
}

let left = Number(count);
async function visitor() {
  while (left > 0) {
    left -= 1;
    await visit();
  }
}
await Promise.all(Array.from({ length: Number(atOnce) }, visitor));
console.log(JSON.stringify(result));
process.exit(0);
