// The same chat on Socket.IO for Node, as its guide shows it.
//
//     node socketio_node.mjs PORT [REDIS_URL]     with REDIS_URL, rooms span processes (@socket.io/redis-adapter)

import { createServer } from "node:http";
import { Server } from "socket.io";

const [port, redisUrl] = process.argv.slice(2);

async function redisAdapter() {
  const { createClient } = await import("redis");
  const { createAdapter } = await import("@socket.io/redis-adapter");
  const publisher = createClient({ url: redisUrl });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return createAdapter(publisher, subscriber);
}

const http = createServer();
const io = new Server(http, redisUrl ? { adapter: await redisAdapter() } : {});
const chat = io.of("/messaging");
let lastId = 0;

chat.on("connection", (socket) => {
  let room;
  socket.on("join", (name, acknowledge) => {
    room = name;
    socket.join(room);
    acknowledge({ ok: true });
  });
  socket.on("send_message", ({ content }, acknowledge) => {
    const message = { id: ++lastId, room, sender: socket.id, content, sent_at: Date.now() };
    chat.to(room).emit("new_message", message);
    acknowledge({ ok: true, id: message.id });
  });
});

http.listen({ host: "127.0.0.1", port: Number(port), backlog: 4096 }, () => console.log(`ready ${port}`));
