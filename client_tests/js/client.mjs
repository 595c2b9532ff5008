// The official Socket.IO client, scriptable (see lines.mjs). Its settings are the defaults unless a command says
// otherwise: what is tested is what everybody's client does.
import { io } from "socket.io-client";
import { report, serve } from "./lines.mjs";

const ACK_MS = 10_000;
const sockets = new Map();
// A function, as the documentation advises: each reconnection sends the newest token.
let auth = {};

const PARSER_EVENT = 2; // PacketType.EVENT of the Socket.IO protocol

function listen(socket, namespace) {
  socket.on("connect", () => report("connect", { sid: socket.id, recovered: socket.recovered }, namespace));
  socket.on("disconnect", (reason, details) => {
    report("disconnect", { reason, description: text(details?.description), active: socket.active }, namespace);
  });
  socket.on("connect_error", ({ message, data }) => {
    report("connect_error", { message, data: data ?? null, active: socket.active }, namespace);
  });
  socket.onAny((name, payload, ...more) => {
    // Every event of ours carries exactly one object, and perhaps an offset: let a test fail on any other.
    const isOffset = more.length === 1 && /^[0-9a-f]+-[0-9]+$/.test(more[0]);
    if (isOffset) report("offset", { offset: more[0] }, "offsets");
    if (more.length > 0 && !isOffset) report("too_many_arguments", { name, more }, namespace);
    report(name, payload ?? null, namespace);
  });
}

/** What is below the namespaces: which transport carries them, and with which code it closed. */
function listenToEngine(manager) {
  manager.on("open", () => {
    const engine = manager.engine;
    report("transport", { name: engine.transport.name });
    engine.on("upgrade", (transport) => report("transport", { name: transport.name }));
    engine.on("close", (reason, details) => {
      const code = details?.context?.code ?? details?.code ?? null;
      report("engine_close", { reason, description: text(details?.description), code });
    });
  });
  manager.on("reconnect_attempt", (attempt) => report("reconnect_attempt", { attempt }));
  manager.on("reconnect", (attempt) => report("reconnect", { attempt }));
}

/** Emits in the current tick; with `ack`, resolves to the envelope. */
function emit({ namespace, op, payload, ack }) {
  const socket = sockets.get(namespace);
  const data = payload === undefined || payload === null ? [] : [payload];
  return ack ? socket.timeout(ACK_MS).emitWithAck(op, ...data) : void socket.emit(op, ...data);
}

/** Sends an EVENT packet that the client's own `emit` refuses to make: its name is a reserved one. */
function forge({ namespace, name, args, ack }) {
  const socket = sockets.get(namespace);
  const packet = { type: PARSER_EVENT, data: [name, ...args] };
  if (!ack) return void socket.packet(packet);
  packet.id = socket.ids++;
  return new Promise((resolve) => {
    socket.acks[packet.id] = resolve;
    socket.packet(packet);
  });
}

const text = (value) => (value === undefined ? null : String(value?.message ?? value));

serve({
  connect({ url, namespaces, options }) {
    for (const namespace of namespaces) {
      const socket = io(url + namespace, { auth: (give) => give(auth), ...options });
      if (sockets.size === 0) listenToEngine(socket.io);
      sockets.set(namespace, socket);
      listen(socket, namespace);
    }
  },
  auth({ value }) {
    auth = value;
  },
  emit,
  forge,
  /** All in one tick; with `ack`, answers all envelopes in the order of the operations. */
  burst({ namespace, operations, ack }) {
    const acks = operations.map(([op, payload]) => emit({ namespace, op, payload, ack }));
    return ack ? Promise.all(acks) : undefined;
  },
  /** Loses the transport, as a network does: no DISCONNECT is sent. */
  cut() {
    for (const socket of sockets.values()) socket.io.engine.close();
  },
  /** Comes back at once, where `reconnection` is off; to another address if one is given. */
  dialAgain({ url }) {
    for (const socket of sockets.values()) {
      if (url) socket.io.uri = url;
      socket.connect();
    }
  },
  /** What the first socket would come back with. */
  trail() {
    const [socket] = sockets.values();
    return { pid: socket._pid, offset: socket._lastOffset };
  },
  disconnect() {
    for (const socket of sockets.values()) socket.disconnect();
  },
});
