// The module of docs/clients/javascript.md, driven by JSON lines (see ../js/lines.mjs). It reports what an app would
// be told, and answers what an app could look up.
import { Socket } from "node:net";
import { report, serve } from "../js/lines.mjs";

const TOLD = ["message", "thread", "recovered", "refused", "signed_out", "notification", "presence", "typing", "receipt"];
const HEARD = ["connection_established", "connection_closing", "token_expiring"];

/** Everything that was opened, to be cut as a broken network would. */
const opened = new Set();
const { connect } = Socket.prototype;
Socket.prototype.connect = function (...to) {
  opened.add(this);
  return connect.apply(this, to);
};

let module;
let parts;
let token = null;

serve({
  async load({ path, url }) {
    module = await import(path);
    const getToken = async (reason) => {
      report("token_wanted", { reason });
      return token;
    };
    parts = module.createRealtime(url, getToken);
    for (const name of [...TOLD, ...HEARD]) {
      parts.connection.on(name, (payload, namespace) => report(name, plain(payload), namespace));
    }
  },
  token({ value }) {
    token = value;
  },
  start: () => parts.connection.start(),
  ask: ({ namespace, op, payload }) => parts.connection.ask(namespace, op, payload),
  load_history: ({ thread_id }) => parts.inbox.load(thread_id).then(() => null),
  send: ({ thread_id, content, key }) => module.send(parts.connection, thread_id, content, key),
  mark_read: ({ thread_id }) => module.markRead(parts.connection, thread_id),
  open: ({ thread_id }) => parts.typing.open(thread_id).then(() => null),
  keystroke: ({ thread_id }) => parts.typing.keystroke(thread_id),
  visible: ({ value }) => parts.presence.setVisible(value).then(() => null),
  ping: () => parts.inbox.ping(),
  reconnect: () => parts.connection.reconnect(),
  cut() {
    for (const line of opened) line.destroy();
    opened.clear();
  },
  unread: () => parts.notifications.unread,
  notifications: () => [...parts.notifications.items.values()],
  read_notification: ({ key }) => parts.notifications.markRead(key).then(() => null),
  online: () => [...parts.presence.users.values()].filter((one) => one.is_online).map(({ user_id }) => user_id),
  /** What is shown of a thread. */
  held({ thread_id }) {
    const { thread, rev, messages } = parts.inbox.threads.get(thread_id);
    const ordered = [...messages.values()].sort((one, other) => one.seq - other.seq);
    const states = ordered.map((message) => module.stateOf(message, thread));
    return { thread, rev, messages: ordered, states };
  },
  known: () => [...parts.inbox.threads.keys()],
  typists: ({ thread_id }) => [...parts.typing.who.get(thread_id).values()].map(({ user_name }) => user_name),
  /** As if the newest event had been lost. */
  lose({ thread_id }) {
    const held = parts.inbox.threads.get(thread_id);
    held.messages.delete(Math.max(...held.messages.keys()));
    held.rev -= 1;
  },
  disconnect() {
    parts?.connection.stop();
    parts?.inbox.stop();
  },
});

function plain(payload) {
  return payload === undefined || typeof payload !== "object" ? { value: payload ?? null } : payload;
}
