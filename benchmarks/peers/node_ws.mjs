// A chat server on `ws` and nothing else: what a good Node program without a framework costs.
//
//     node node_ws.mjs PORT [FILE]     with FILE, every message is inserted into SQLite before anybody hears it
//
//     -> {"type":"join","room":"a"}
//     <- {"type":"joined"}
//     -> {"type":"send","id":1,"content":"..."}
//     <- {"type":"message",...} to all in the room, then {"type":"ack","id":1}

import { WebSocketServer } from "ws";
import { openStore } from "./store.mjs";

const [port, file] = process.argv.slice(2);
const store = file ? await openStore(file) : undefined;
const rooms = new Map();

function join(client, name) {
  let room = rooms.get(name);
  if (!room) rooms.set(name, (room = { name, members: new Set(), lastSeq: 0 }));
  room.members.add(client);
  client.room = room;
  client.send('{"type":"joined"}');
}

function send(client, { id, content }) {
  const { room } = client;
  const message = { seq: ++room.lastSeq, room: room.name, sender: client.number, content, sent_at: Date.now() };
  store?.insert(message);
  // Encoded once for all, and as bytes: a string would be copied into bytes again for each recipient.
  const bytes = Buffer.from(JSON.stringify({ type: "message", ...message }));
  for (const member of room.members) member.send(bytes, { binary: false });
  client.send(JSON.stringify({ type: "ack", id, seq: message.seq }));
}

let clients = 0;
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(port), backlog: 4096, perMessageDeflate: false });
server.on("connection", (client) => {
  client.number = ++clients;
  client.on("message", (data) => {
    const said = JSON.parse(data);
    if (said.type === "send") send(client, said);
    else if (said.type === "join") join(client, said.room);
  });
  client.on("error", () => {});
  client.on("close", () => client.room?.members.delete(client));
});
server.on("listening", () => console.log(`ready ${port}${store ? ` ${store.name}` : ""}`));
