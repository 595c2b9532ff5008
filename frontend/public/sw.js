// The service worker: alerts while the app is closed, and an app that opens without network.
//
// It is registered as /sw.js?v=BUILD, so each build of the app brings a worker of its own with a cache of its own.

const CACHE = `verihome-${new URL(self.location.href).searchParams.get("v") ?? "dev"}`;
const PAGE = "/";
const OUR_PAGES = /^\/($|t\/|settings$)/;
// Their names change with their content, or they change with the build only.
const KEPT = /^\/(assets|icons|emoji)\/|^\/(favicon\.svg|manifest\.webmanifest)$/;
const PATIENCE_MS = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil(keepShell().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(dropOldCaches().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && OUR_PAGES.test(url.pathname)) event.respondWith(openPage(request));
  else if (KEPT.test(url.pathname)) event.respondWith(openKept(request));
});

self.addEventListener("push", (event) => {
  event.waitUntil(alertOf(event.data));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(openApp(event.notification.data?.url));
});

// The browser replaced the subscription. Only a page has the token to tell the server; it does at its next start, too.
self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(subscribeAnew(event.oldSubscription));
});

// --- Without network ------------------------------------------------------------------------------------------

/** The page and what it names; the parts that it loads later are kept as they come by. */
async function keepShell() {
  const cache = await caches.open(CACHE);
  const page = await fetch(PAGE, { cache: "no-cache" });
  if (!page.ok) throw new Error(`${PAGE}: HTTP ${page.status}`);
  const text = await page.clone().text();
  const named = [...text.matchAll(/(?:src|href)="(\/[^"]+)"/g)]
    .map(([, path]) => path)
    .filter((path) => KEPT.test(path));
  await cache.put(PAGE, page);
  await cache.addAll([...new Set(named)]);
}

async function dropOldCaches() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith("verihome-") && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** From the network; from the cache if there is none, or it takes too long. */
async function openPage(request) {
  const kept = await caches.match(PAGE);
  const fetched = fetch(request);
  if (!kept) return fetched;
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, kept));
  const answer = await Promise.race([fetched.catch(() => kept), late]);
  return answer.status >= 500 ? kept : answer;
}

async function openKept(request) {
  const kept = await caches.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) await (await caches.open(CACHE)).put(request, answer.clone());
  return answer;
}

// --- Alerts ---------------------------------------------------------------------------------------------------

function read(data) {
  try {
    return data?.json() ?? null;
  } catch {
    return null;
  }
}

/** Windows with the app; the server has other pages, too. */
async function openWindows() {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  return windows.filter((client) => OUR_PAGES.test(new URL(client.url).pathname));
}

/** Shows a push, unless the person is looking at the app: then the page has shown it already. */
async function alertOf(data) {
  const push = read(data);
  if (typeof push?.title !== "string") return;
  const windows = await openWindows();
  const watched = windows.find((client) => client.focused && client.visibilityState === "visible");
  if (watched) {
    watched.postMessage({ type: "push", push });
    return;
  }
  // The tag names the thing: a page that is open but not looked at may have alerted to it already.
  const shown = await self.registration.getNotifications({ tag: push.tag });
  if (shown.length > 0) return;
  await self.registration.showNotification(push.title, {
    body: push.body,
    tag: push.tag,
    requireInteraction: push.urgent === true,
    timestamp: Date.parse(push.timestamp) || Date.now(),
    lang: push.locale,
    icon: "/icons/icon-192.png",
    badge: "/icons/badge-96.png",
    data: { url: push.url },
  });
}

/** Only ever within our own site. */
function ownAddress(url) {
  const target = URL.canParse(url ?? "", self.location.origin) ? new URL(url ?? "", self.location.origin) : null;
  return target?.origin === self.location.origin ? target.pathname + target.search : PAGE;
}

/** Brings an open window to the front and tells it where to go; opens one if there is none. */
async function openApp(url) {
  const address = ownAddress(url);
  const windows = await openWindows();
  const window = windows.find((client) => client.visibilityState === "visible") ?? windows[0];
  if (!window) return self.clients.openWindow(address);
  // Where the browser does not let us bring it to the front, it goes there all the same.
  const focused = await window.focus().catch(() => window);
  focused.postMessage({ type: "navigate", url: address });
}

async function subscribeAnew(old) {
  const key = old?.options.applicationServerKey;
  if (key) await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const windows = await self.clients.matchAll({ type: "window" });
  for (const client of windows) client.postMessage({ type: "push-subscription-changed" });
}
