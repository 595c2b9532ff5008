// The demo: a chat on the plain WebSocket routes, without any library. What matters for every client of this server is
// here: one connection that comes back by itself, catching up by revision, receipts, and messages that survive a gap.

const $ = (id) => document.getElementById(id);
const KEY = "verihome-demo"; // in sessionStorage: each tab is a person of its own
const BACKOFF_MS = { first: 500, longest: 30_000 };
const ANSWER_MS = 10_000;
const TYPING_MS = { renew: 3_000, idle: 4_000, forget: 8_000 }; // the server forgets a typist after 6 s
const FINAL = new Set([4401, 4402, 4403]); // close codes after which the same token is of no use

let me = null; // {user_id, name, token}
let links = []; // chat and status, while signed in
let chat, status, open;
const people = new Map(); // by id: {id, name, online, lastSeen, thread?, typing?}
const threads = new Map(); // by id, direct threads only: see learn()

// --- A WebSocket that comes back ------------------------------------------------------------------------------

class Link {
  constructor(path, onEvent) {
    Object.assign(this, { path, onEvent, attempt: 0, ready: false, waiting: new Map(), ref: 0 });
    this.connect();
  }

  connect() {
    this.retry = null;
    this.opening = setTimeout(() => this.lost(), ANSWER_MS);
    const origin = location.origin.replace(/^http/, "ws");
    // The token as a subprotocol: `?token=` would do too, but addresses end up in logs.
    const ws = (this.ws = new WebSocket(origin + this.path, ["bearer", me.token]));
    ws.onmessage = ({ data }) => this.receive(JSON.parse(data));
    ws.onclose = ({ code }) => this.lost(code);
  }

  receive({ type, ...payload }) {
    if (type === "ack") return this.answer(payload);
    if (type === "connection_established") {
      clearTimeout(this.opening);
      this.ready = true;
      this.attempt = 0;
      this.beat = setInterval(() => this.onEvent("beat"), payload.heartbeat_interval_s * 1000);
    }
    this.onEvent(type, payload);
  }

  answer({ ref, ok, data, error }) {
    const asked = this.waiting.get(ref);
    this.waiting.delete(ref);
    clearTimeout(asked?.timer);
    ok ? asked?.resolve(data) : asked?.reject(error);
  }

  /** Asks an operation; resolves to its data. No answer in time means that the line is dead, whatever it says. */
  call(type, fields = {}) {
    return new Promise((resolve, reject) => {
      if (!this.ready) return reject({ retryable: true });
      const ref = ++this.ref;
      const timer = setTimeout(() => this.lost(), ANSWER_MS);
      this.waiting.set(ref, { resolve, reject, timer });
      this.ws.send(JSON.stringify({ type, ...fields, ref }));
    });
  }

  /** Asks what need not be repeated: if the connection is lost, catching up makes good for it. */
  tell(type, fields) {
    this.call(type, fields).catch(() => {});
  }

  lost(code) {
    this.drop();
    if (FINAL.has(code)) return signOut("La sesión ha terminado. Elija de nuevo una persona.");
    // Exponential, and with jitter: after a restart not everybody shall come back in the same moment.
    const longest = Math.min(BACKOFF_MS.longest, BACKOFF_MS.first * 2 ** this.attempt++);
    this.retry = setTimeout(() => this.connect(), longest * (0.5 + Math.random() / 2));
    render();
  }

  drop() {
    this.ready = false;
    clearInterval(this.beat);
    clearTimeout(this.opening);
    clearTimeout(this.retry);
    this.ws.onmessage = this.ws.onclose = null;
    this.ws.close();
    for (const { reject, timer } of this.waiting.values()) {
      clearTimeout(timer);
      reject({ retryable: true });
    }
    this.waiting.clear();
  }

  /** The network is back, or the tab in sight: no need to wait any longer. */
  hurry() {
    if (!this.retry) return;
    clearTimeout(this.retry);
    this.connect();
  }
}

// --- What the server tells ------------------------------------------------------------------------------------

const onChat = {
  connection_established: () => catchUp().catch(() => {}), // a failure is a lost connection: the next one tries again
  thread_created: ({ thread }) => join(learn(thread)),
  new_message({ message }) {
    const thread = threads.get(message.thread_id);
    if (!thread) return;
    const news = store(thread, message);
    if (news && message.sender_id !== me.user_id) {
      thread.unread++;
      thread.person.typing = false;
      received(thread);
    }
  },
  message_read_receipt(receipt) {
    const thread = advance(receipt.thread_id, receipt.rev);
    if (!thread) return;
    if (receipt.reader_id === me.user_id) thread.unread = receipt.unread_count;
    else thread.read = receipt.read_seq;
  },
  message_delivered_receipt(receipt) {
    const thread = advance(receipt.thread_id, receipt.rev);
    if (thread && receipt.user_id !== me.user_id) thread.delivered = receipt.delivered_seq;
  },
  typing_notification({ thread_id, user_id, is_typing }) {
    const person = threads.get(thread_id)?.person;
    if (person?.id !== user_id) return;
    clearTimeout(person.forget);
    person.typing = is_typing;
    person.forget = setTimeout(() => { person.typing = false; render(); }, TYPING_MS.forget);
  },
  // Says where we are, so that a message lost on the way is noticed even on a line that never broke.
  beat: () => chat.call("ping", { heads: heads() }).then(({ behind }) => behind.length && catchUp()).catch(() => {}),
  async token_expiring() {
    Object.assign(me, await session(me.user_id));
    for (const link of links) link.tell("refresh_token", { token: me.token });
  },
};

const onStatus = {
  connection_established() {
    beat();
    const known = (users) => { users.forEach(onStatus.user_status_update); render(); };
    status.call("get_presence", { user_ids: [...people.keys()] }).then(({ users }) => known(users)).catch(() => {});
  },
  user_status_update({ user_id, user_name, is_online, last_seen }) {
    Object.assign(person(user_id, user_name), { online: is_online, lastSeen: last_seen });
  },
  beat,
};

function beat() {
  status.tell("heartbeat", { visible: document.visibilityState === "visible" });
}

// --- What we know ---------------------------------------------------------------------------------------------

const heads = () => Object.fromEntries([...threads.values()].slice(0, 100).map(({ id, rev }) => [id, rev]));

function person(id, name) {
  if (!people.has(id)) people.set(id, { id, name, online: false, lastSeen: null });
  return people.get(id);
}

/** Takes in a thread. This page shows plain direct threads only: groups, and talk about a property, are left out. */
function learn(thread) {
  const other = thread.participants.find(({ user_id }) => user_id !== me.user_id);
  if (thread.kind !== "direct" || thread.subject || !other) return null;
  let known = threads.get(thread.id);
  if (!known) {
    known = { id: thread.id, rev: thread.rev, person: person(other.user_id, other.display_name), last: 0, read: 0,
      delivered: 0, messages: new Map(), unsent: new Map(), loaded: false, older: false };
    threads.set(thread.id, known);
    known.person.thread = known;
  }
  known.unread = thread.unread_count;
  known.read = Math.max(known.read, other.read_seq);
  known.delivered = Math.max(known.delivered, other.delivered_seq);
  if (thread.last_message) known.preview = thread.last_message;
  return known;
}

/** Takes in a message, and says whether it was news. The sequence number tells a repetition from a new one. */
function store(thread, message) {
  thread.rev = Math.max(thread.rev, message.rev);
  thread.unsent.delete(message.client_message_id);
  thread.messages.set(message.seq, message);
  if (message.seq < (thread.preview?.seq ?? 0)) return false;
  thread.preview = message;
  const news = message.seq > thread.last;
  thread.last = Math.max(thread.last, message.seq);
  return news;
}

/** Messages and receipts are heard anyway; joining adds who is typing. */
function join(thread) {
  if (thread) chat.tell("join_conversation", { thread_id: thread.id });
}

function advance(threadId, rev) {
  const thread = threads.get(threadId);
  if (thread) thread.rev = Math.max(thread.rev, rev);
  return thread;
}

/** After (re)connecting: threads opened meanwhile, then what changed in those we knew, then what we could not send. */
async function catchUp() {
  let ask = heads(); // before anything newer is heard, or the gap would be forgotten
  const { threads: listed } = await chat.call("list_threads", { limit: 100 });
  for (const thread of listed.map(learn)) {
    if (!thread) continue;
    thread.last = Math.max(thread.last, thread.preview?.seq ?? 0);
    join(thread);
    received(thread);
  }
  while (Object.keys(ask).length > 0) {
    const { threads: changed } = await chat.call("sync", { threads: ask });
    ask = {};
    for (const [id, { rev, messages, receipts, more }] of Object.entries(changed)) {
      const thread = advance(id, rev);
      for (const message of messages) store(thread, message);
      for (const receipt of receipts.filter(({ user_id }) => user_id !== me.user_id)) {
        thread.read = Math.max(thread.read, receipt.read_seq);
        thread.delivered = Math.max(thread.delivered, receipt.delivered_seq);
      }
      if (more) ask[id] = rev;
    }
  }
  if (open && !open.loaded) await loadOlder(open);
  for (const thread of threads.values()) for (const id of thread.unsent.keys()) push(thread, id);
  render();
}

async function loadOlder(thread) {
  const first = Math.min(...thread.messages.keys());
  const before = thread.loaded && Number.isFinite(first) ? { before_seq: first } : {};
  const page = await chat.call("get_history", { thread_id: thread.id, limit: 50, ...before });
  for (const message of page.messages) store(thread, message);
  Object.assign(thread, { loaded: true, older: page.has_more_before });
}

/** Tells that everything has reached this device, and that it was read if it is in sight. */
function received(thread) {
  if (!thread.preview) return;
  if (thread.unread > 0) chat.tell("mark_delivered", { thread_id: thread.id, seq: thread.last });
  if (thread === open && document.visibilityState === "visible" && thread.unread > 0) {
    chat.tell("mark_as_read", { message_id: thread.preview.id });
  }
}

// --- What we say ----------------------------------------------------------------------------------------------

/** `crypto.randomUUID` exists on https and localhost only; the demo may be opened from another machine. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function send(event) {
  event.preventDefault();
  const content = $("content").value.trim();
  if (!content || !open) return;
  const id = uuid();
  open.unsent.set(id, { content, sent_at: new Date().toISOString() });
  push(open, id);
  $("content").value = "";
  stopTyping();
  render();
  $("scroll").scrollTop = $("scroll").scrollHeight;
}

/** With its own id a message may be sent twice and is stored once; so after a gap we simply send it again. */
function push(thread, id) {
  const unsent = thread.unsent.get(id);
  chat.call("send_message", { thread_id: thread.id, content: unsent.content, client_message_id: id }).then(
    (message) => { store(thread, message); render(); },
    (error) => { if (!error.retryable) { unsent.failed = error.message; render(); } },
  );
}

let typedAt = 0;
let idle;
function startTyping() {
  clearTimeout(idle);
  idle = setTimeout(stopTyping, TYPING_MS.idle);
  if (!open || Date.now() - typedAt < TYPING_MS.renew) return;
  typedAt = Date.now();
  chat.tell("typing_start", { thread_id: open.id });
}
function stopTyping() {
  clearTimeout(idle);
  if (typedAt && open) chat.tell("typing_stop", { thread_id: open.id });
  typedAt = 0;
}

async function show(person) {
  try {
    const wanted = { kind: "direct", participant_ids: [person.id] };
    if (!person.thread) join(learn(await chat.call("create_thread", wanted)));
    stopTyping();
    open = person.thread;
    $("log").replaceChildren();
    if (!open.loaded) await loadOlder(open);
  } catch { return render(); } // offline: the state says so, and catching up loads what is missing
  received(open);
  render();
  $("scroll").scrollTop = $("scroll").scrollHeight;
  $("content").focus();
}

// --- What is seen. Elements are kept and changed: a screen reader then announces only what is new ---------------

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const CLOCK = new Intl.DateTimeFormat("es", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("es", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
function when(text) {
  const date = new Date(text);
  return (date.toDateString() === new Date().toDateString() ? CLOCK : DAY).format(date);
}

const TICKS = { unsent: ["…", "Pendiente"], failed: ["⚠", "No enviado"], sent: ["✓", "Enviado"],
  delivered: ["✓✓", "Entregado"], read: ["✓✓", "Leído"] };
function tickOf(thread, { seq, failed }) {
  if (failed) return "failed";
  if (!seq) return "unsent";
  return seq <= thread.read ? "read" : seq <= thread.delivered ? "delivered" : "sent";
}

function presenceOf({ typing, online, lastSeen, thread }) {
  if (!status.ready) return "estado desconocido";
  if (typing) return "escribiendo…";
  if (online) return "en línea";
  if (lastSeen) return `últ. vez ${when(lastSeen)}`;
  return thread ? "sin conexión" : "sin conversación todavía";
}

function render() {
  if (!me) return;
  showState();
  let unread = 0;
  for (const person of people.values()) {
    if (person.id !== me.user_id) showPerson(person);
    unread += person.thread?.unread ?? 0;
  }
  document.title = `${unread ? `(${unread}) ` : ""}VeriHome · ${me.name}`;
  $("app").dataset.open = Boolean(open);
  $("hint").hidden = Boolean(open);
  $("room").hidden = !open;
  if (open) showRoom();
}

function showState() {
  const ready = links.every((link) => link.ready);
  const text = ready ? "Conectado" : "Reconectando…";
  if ($("state").textContent !== text) $("state").textContent = text;
  $("state").dataset.ok = ready;
}

function showPerson(person) {
  person.row ??= element("button", { type: "button", onclick: () => show(person) },
    element("span", { className: "name", textContent: person.name }), element("span", { className: "about" }),
    element("span", { className: "badge" }));
  if (!person.row.isConnected) $("people").append(element("li", {}, person.row));
  const [, about, badge] = person.row.children;
  const { unread = 0, preview } = person.thread ?? {};
  about.textContent = presenceOf(person) + (preview && !person.typing ? ` · ${preview.content}` : "");
  badge.textContent = unread;
  badge.hidden = unread === 0;
  badge.ariaLabel = `${unread} sin leer`;
  person.row.dataset.online = status.ready && person.online;
  person.row.ariaCurrent = open === person.thread && Boolean(open);
}

function showRoom() {
  const scroll = $("scroll");
  const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;
  $("peer").textContent = open.person.name;
  $("peer-state").textContent = presenceOf({ ...open.person, typing: false });
  const typing = open.person.typing ? `${open.person.name} está escribiendo…` : "";
  if ($("typing").textContent !== typing) $("typing").textContent = typing;
  $("older").hidden = !open.older;
  const stored = [...open.messages.values()].sort((a, b) => a.seq - b.seq);
  const mine = { sender_id: me.user_id };
  const unsent = [...open.unsent].map(([id, message]) => ({ ...message, ...mine, client_message_id: id }));
  [...stored, ...unsent].forEach((message, place) => showMessage(message, place));
  if (atEnd) scroll.scrollTop = scroll.scrollHeight;
}

function showMessage(message, place) {
  const key = message.client_message_id ?? message.id; // one element from the moment it is sent
  const log = $("log");
  let row = log.children[place];
  if (row?.dataset.key !== key) {
    row = [...log.children].find(({ dataset }) => dataset.key === key) ?? messageRow(message, key);
    log.insertBefore(row, log.children[place] ?? null);
  }
  if (message.sender_id !== me.user_id) return;
  const state = tickOf(open, message);
  const tick = row.querySelector(".tick");
  if (tick.dataset.state === state) return;
  [tick.textContent, tick.ariaLabel] = TICKS[state];
  tick.title = message.failed ?? TICKS[state][1];
  tick.dataset.state = state;
}

function messageRow(message, key) {
  const mine = message.sender_id === me.user_id;
  const time = element("time", { dateTime: message.sent_at, textContent: when(message.sent_at) });
  const foot = element("small", {}, time, ...(mine ? [element("span", { className: "tick", role: "img" })] : []));
  const who = element("span", { className: "unseen", textContent: mine ? "Usted: " : `${open.person.name}: ` });
  const row = element("li", { className: mine ? "mine" : "" }, who, message.content, foot); // as text, never as HTML
  row.dataset.key = key;
  return row;
}

// --- Coming and going -----------------------------------------------------------------------------------------

async function ask(path, options) {
  const response = await fetch(path, options);
  if (!response.ok) throw new Error(response.statusText);
  return response.json();
}
const session = (userId) => ask(`/demo/sessions/${userId}`, { method: "POST" });

function enter(who) {
  me = who;
  sessionStorage.setItem(KEY, JSON.stringify(me));
  $("me").textContent = me.name;
  $("door").hidden = true;
  $("app").hidden = false;
  const listen = (table) => (type, payload) => { table[type]?.(payload); render(); };
  links = [
    (chat = new Link("/ws/messaging/", listen(onChat))),
    (status = new Link("/ws/user-status/", listen(onStatus))),
  ];
  render();
  $("people-title").focus();
}

function signOut(notice = "") {
  for (const link of links) link.drop();
  sessionStorage.removeItem(KEY);
  links = [];
  me = open = null;
  for (const person of people.values()) Object.assign(person, { thread: null, typing: false, online: false });
  threads.clear();
  $("people").replaceChildren();
  $("content").value = "";
  $("log").replaceChildren();
  document.title = "VeriHome · Demostración";
  $("app").hidden = true;
  $("door").hidden = false;
  $("notice").textContent = notice;
}

async function start() {
  for (const { id, name } of await ask("/demo/people")) {
    person(id, name);
    const choose = async () => enter(await session(id));
    $("choices").append(element("li", {}, element("button", { type: "button", textContent: name, onclick: choose })));
  }
  const kept = sessionStorage.getItem(KEY);
  if (kept) enter(JSON.parse(kept));
  else signOut();
}

$("leave").onclick = () => { signOut(); $("choices").querySelector("button").focus(); };
$("back").onclick = () => { stopTyping(); const row = open.person.row; open = null; render(); row.focus(); };
$("older").onclick = async () => {
  const scroll = $("scroll");
  const fromEnd = scroll.scrollHeight - scroll.scrollTop;
  await loadOlder(open).then(render, () => {});
  scroll.scrollTop = scroll.scrollHeight - fromEnd; // what was read stays where it was
};
$("composer").onsubmit = send;
$("content").oninput = startTyping;
$("content").onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
};
document.onvisibilitychange = () => {
  if (!me) return;
  for (const link of links) link.hurry();
  beat();
  if (open) received(open);
};
window.ononline = () => { for (const link of links) link.hurry(); };
start().catch(() => signOut("El servidor no responde. Recargue la página."));
