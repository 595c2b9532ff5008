/** public/sw.js, run with a made-up browser around it. */
import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";

const ORIGIN = "https://chat.example.com";
const SOURCE = readFileSync("public/sw.js", "utf8");
const PAGE = '<script src="/assets/index-A.js"></script><link href="/assets/index-B.css"><a href="https://x.example/">';

interface FakeEvent {
  waitUntil(work: Promise<unknown>): void;
  respondWith(answer: Promise<Response>): void;
}
type Listener = (event: FakeEvent & Record<string, unknown>) => void;

function pathOf(request: string | { url: string }): string {
  const url = new URL(typeof request === "string" ? request : request.url, ORIGIN);
  return url.pathname + url.search;
}

/** CacheStorage, as far as the worker needs it. */
function fakeCaches(fetch: (request: string) => Promise<Response>) {
  const stores = new Map<string, Map<string, Response>>();
  const open = async (name: string) => {
    const store = stores.get(name) ?? new Map<string, Response>();
    stores.set(name, store);
    return {
      put: async (request: string | { url: string }, response: Response) => {
        store.set(pathOf(request), response);
      },
      addAll: async (paths: string[]) => {
        for (const path of paths) store.set(path, await fetch(path));
      },
    };
  };
  return {
    stores,
    open,
    keys: async () => [...stores.keys()],
    delete: async (name: string) => stores.delete(name),
    match: async (request: string | { url: string }) => {
      for (const store of stores.values()) {
        const found = store.get(pathOf(request));
        if (found) return found.clone();
      }
      return undefined;
    },
  };
}

function aWindow(changes: { url?: string; focused?: boolean; visibilityState?: string } = {}) {
  const client = {
    url: `${ORIGIN}/`,
    focused: false,
    visibilityState: "hidden",
    postMessage: vi.fn(),
    focus: vi.fn(),
    ...changes,
  };
  client.focus.mockResolvedValue(client);
  return client;
}

function start(options: { windows?: ReturnType<typeof aWindow>[]; shown?: string[] } = {}) {
  const listeners = new Map<string, Listener>();
  const network = vi.fn(
    async (request: string | { url: string }) =>
      new Response(pathOf(request) === "/" ? PAGE : `fresh ${pathOf(request)}`),
  );
  const caches = fakeCaches(network);
  const self = {
    location: new URL(`${ORIGIN}/sw.js?v=7`),
    addEventListener: (type: string, listener: Listener) => listeners.set(type, listener),
    skipWaiting: vi.fn(async () => {}),
    clients: {
      claim: vi.fn(async () => {}),
      matchAll: vi.fn(async () => options.windows ?? []),
      openWindow: vi.fn(async () => null),
    },
    registration: {
      showNotification: vi.fn(async (..._: unknown[]) => {}),
      getNotifications: vi.fn(async ({ tag }: { tag: string }) =>
        (options.shown ?? []).filter((shown) => shown === tag),
      ),
      pushManager: { subscribe: vi.fn(async () => ({})) },
    },
  };
  new Function("self", "caches", "fetch", SOURCE)(self, caches, network);

  /** Lets an event happen; resolves to what it was answered with, once all its work is done. */
  async function happen(type: string, event: Record<string, unknown> = {}): Promise<Response | undefined> {
    const work: Promise<unknown>[] = [];
    let answer: Promise<Response> | undefined;
    listeners.get(type)?.({
      ...event,
      waitUntil: (promise) => work.push(promise),
      respondWith: (promise) => {
        answer = promise;
      },
    });
    await Promise.all(work);
    return answer;
  }
  const get = (path: string, mode = "no-cors", method = "GET") =>
    happen("fetch", { request: { url: new URL(path, ORIGIN).href, mode, method } });
  return { self, caches, network, happen, get };
}

const MESSAGE = {
  type: "message",
  id: "m1",
  thread_id: "t1",
  title: "Juan Pérez",
  body: "Hola",
  tag: "message:m1",
  url: "/t/t1",
  urgent: false,
  timestamp: "2026-11-24T12:00:00.000Z",
  locale: "es",
};
const push = (payload: unknown) => ({ data: { json: () => payload } });

describe("without network", () => {
  it("keeps the page and what it names, from the start", async () => {
    const { happen, caches, self } = start();
    await happen("install");
    expect([...(caches.stores.get("verihome-7")?.keys() ?? [])]).toEqual([
      "/",
      "/assets/index-A.js",
      "/assets/index-B.css",
    ]);
    expect(self.skipWaiting).toHaveBeenCalled();
  });

  it("keeps nothing of a server that is failing", async () => {
    const { happen, network, caches } = start();
    network.mockResolvedValue(new Response("", { status: 503 }));
    await expect(happen("install")).rejects.toThrow("503");
    expect(caches.stores.get("verihome-7")?.size).toBe(0);
  });

  it("drops the caches of older builds, and only ours", async () => {
    const { happen, caches } = start();
    for (const name of ["verihome-6", "verihome-7", "other"]) await caches.open(name);
    await happen("activate");
    expect([...caches.stores.keys()]).toEqual(["verihome-7", "other"]);
  });

  it.each(["/", "/t/abc?message=3", "/settings"])("opens %s from the cache", async (path) => {
    const { happen, get, network } = start();
    await happen("install");
    network.mockRejectedValue(new TypeError("offline"));
    expect(await (await get(path, "navigate"))?.text()).toBe(PAGE);
  });

  it("prefers the network, unless the server is failing", async () => {
    const { happen, get, network } = start();
    await happen("install");
    network.mockResolvedValueOnce(new Response("newer"));
    expect(await (await get("/", "navigate"))?.text()).toBe("newer");
    network.mockResolvedValueOnce(new Response("", { status: 503 }));
    expect(await (await get("/", "navigate"))?.text()).toBe(PAGE);
  });

  it("does not wait forever for a network that hangs", async () => {
    vi.useFakeTimers();
    const { happen, get, network } = start();
    await happen("install");
    network.mockReturnValue(new Promise(() => {}));
    const opening = get("/", "navigate");
    await vi.advanceTimersByTimeAsync(4000);
    expect(await (await opening)?.text()).toBe(PAGE);
    vi.useRealTimers();
  });

  it("fetches an asset once", async () => {
    const { get, network } = start();
    expect(await (await get("/assets/part-C.js"))?.text()).toBe("fresh /assets/part-C.js");
    expect(await (await get("/assets/part-C.js"))?.text()).toBe("fresh /assets/part-C.js");
    expect(network).toHaveBeenCalledTimes(1);
  });

  it("keeps no failure", async () => {
    const { get, network } = start();
    network.mockResolvedValueOnce(new Response("", { status: 404 }));
    expect((await get("/assets/part-C.js"))?.status).toBe(404);
    expect((await get("/assets/part-C.js"))?.status).toBe(200);
  });

  it.each(["/api/v1/threads", "/socket.io/?EIO=4", "/demo/people", "/docs", "https://other.example/assets/x.js"])(
    "never touches %s",
    async (path) => {
      const { get } = start();
      expect(await get(path)).toBeUndefined();
      expect(await get(path, "navigate")).toBeUndefined();
    },
  );

  it("leaves alone what is not read", async () => {
    expect(await start().get("/assets/x.js", "cors", "POST")).toBeUndefined();
  });
});

describe("a push", () => {
  it("becomes an alert in the person's language", async () => {
    const { happen, self } = start({ windows: [aWindow()] });
    await happen("push", push(MESSAGE));
    expect(self.registration.showNotification).toHaveBeenCalledWith(
      "Juan Pérez",
      expect.objectContaining({
        body: "Hola",
        tag: "message:m1",
        requireInteraction: false,
        lang: "es",
        timestamp: Date.parse("2026-11-24T12:00:00.000Z"),
        data: { url: "/t/t1" },
      }),
    );
  });

  it("that is urgent stays until it is seen", async () => {
    const { happen, self } = start();
    await happen("push", push({ ...MESSAGE, type: "notification", urgent: true }));
    expect(self.registration.showNotification.mock.calls[0]?.[1]).toMatchObject({ requireInteraction: true });
  });

  it("is told to the page instead while the person looks at it", async () => {
    const watched = aWindow({ focused: true, visibilityState: "visible" });
    const { happen, self } = start({ windows: [aWindow(), watched] });
    await happen("push", push(MESSAGE));
    expect(self.registration.showNotification).not.toHaveBeenCalled();
    expect(watched.postMessage).toHaveBeenCalledWith({ type: "push", push: MESSAGE });
  });

  it("is shown while the person looks at another page of the server", async () => {
    const docs = aWindow({ url: `${ORIGIN}/docs`, focused: true, visibilityState: "visible" });
    const { happen, self } = start({ windows: [docs] });
    await happen("push", push(MESSAGE));
    expect(self.registration.showNotification).toHaveBeenCalled();
  });

  it("is not shown again after a page alerted to the same", async () => {
    const { happen, self } = start({ shown: ["message:m1"] });
    await happen("push", push(MESSAGE));
    expect(self.registration.showNotification).not.toHaveBeenCalled();
    await happen("push", push({ ...MESSAGE, tag: "message:m2" }));
    expect(self.registration.showNotification).toHaveBeenCalledTimes(1);
  });

  it.each([[push(null)], [push({})], [{ data: null }]])("that says nothing is ignored: %o", async (event) => {
    const { happen, self } = start();
    await happen("push", event);
    expect(self.registration.showNotification).not.toHaveBeenCalled();
  });
});

describe("a click on an alert", () => {
  const click = (url: unknown) => ({ notification: { close: vi.fn(), data: { url } } });

  it("shows it in an open window, the visible one first", async () => {
    const [hidden, visible] = [aWindow(), aWindow({ url: `${ORIGIN}/t/t9`, visibilityState: "visible" })];
    const { happen, self } = start({ windows: [hidden, visible] });
    const event = click("/t/t1?message=4");
    await happen("notificationclick", event);
    expect(event.notification.close).toHaveBeenCalled();
    expect(visible.focus).toHaveBeenCalled();
    expect(visible.postMessage).toHaveBeenCalledWith({ type: "navigate", url: "/t/t1?message=4" });
    expect(self.clients.openWindow).not.toHaveBeenCalled();
  });

  it("opens a window if none is the app", async () => {
    const { happen, self } = start({ windows: [aWindow({ url: `${ORIGIN}/docs` })] });
    await happen("notificationclick", click("/t/t1"));
    expect(self.clients.openWindow).toHaveBeenCalledWith("/t/t1");
  });

  it.each(["https://evil.example/t/t1", "//evil.example/", "javascript:alert(1)", "http://[", undefined])(
    "never leaves the site: %s",
    async (url) => {
      const { happen, self } = start();
      await happen("notificationclick", click(url));
      expect(self.clients.openWindow).toHaveBeenCalledWith("/");
    },
  );
});

it("a subscription that the browser ends is made anew, and the pages are told", async () => {
  const page = aWindow();
  const { happen, self } = start({ windows: [page] });
  const applicationServerKey = new Uint8Array([1]);
  await happen("pushsubscriptionchange", { oldSubscription: { options: { applicationServerKey } } });
  expect(self.registration.pushManager.subscribe).toHaveBeenCalledWith({ userVisibleOnly: true, applicationServerKey });
  expect(page.postMessage).toHaveBeenCalledWith({ type: "push-subscription-changed" });
});
