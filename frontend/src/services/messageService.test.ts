// @vitest-environment node
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { aMessage, aThread } from "../testing/factories";
import { createFakeClient } from "../testing/fakeClient";
import { refusal } from "../testing/fakeWire";
import { Failure, offline } from "./failure";
import { createMessageService, rememberAccess } from "./messageService";

const url = "https://chat.example";
const api = `${url}/api/v1`;
const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const ok = (data: unknown) => HttpResponse.json({ ok: true, data });

describe("over HTTP", () => {
  const getToken = vi.fn(async (reason: string) => `token-${reason}`);
  const service = createMessageService({ url: `${url}/`, getToken, locale: "es" });

  it("asks with token and language, and puts each field where it belongs", async () => {
    const requests: { method: string; url: string; body: string; auth: string | null; language: string | null }[] = [];
    server.use(
      http.all(`${api}/*`, async ({ request }) => {
        const { headers, method } = request;
        const [auth, language] = [headers.get("authorization"), headers.get("accept-language")];
        requests.push({ method, url: request.url.slice(api.length), body: await request.text(), auth, language });
        return ok({ read_seq: 1 });
      }),
    );
    await service.getThreads(null, 10);
    await service.getThread("a b");
    await service.getMessages("t1", { before_seq: 5 }, 20);
    await service.sendMessage("t1", "Hola", "c1");
    await service.markAsRead("t1");
    await service.searchPeople("garcía", "next");
    await service.getPresence([1, "x"]);
    expect(requests.map((request) => `${request.method} ${request.url} ${request.body}`.trim())).toEqual([
      "GET /threads?limit=10",
      "GET /threads/a%20b",
      "GET /threads/t1/messages?before_seq=5&limit=20",
      'POST /threads/t1/messages {"content":"Hola","client_message_id":"c1"}',
      'POST /threads/t1/read {"message_id":null}',
      "GET /people?query=garc%C3%ADa&cursor=next",
      "GET /presence?user_ids=1%2Cx",
    ]);
    expect(requests[0]).toMatchObject({ auth: "Bearer token-connect", language: "es" });
  });

  it("asks once for another token", async () => {
    const tokens: (string | null)[] = [];
    server.use(
      http.get(`${api}/threads/t1`, ({ request }) => {
        tokens.push(request.headers.get("authorization"));
        return tokens.length === 1
          ? HttpResponse.json(refusal("token_expired") as object, { status: 401 })
          : ok(aThread());
      }),
    );
    expect(await service.getThread("t1")).toEqual(aThread());
    expect(tokens).toEqual(["Bearer token-connect", "Bearer token-refused"]);
  });

  it("rejects with the code of the envelope", async () => {
    server.use(http.get(`${api}/threads/t1`, () => HttpResponse.json(refusal("not_found") as object, { status: 404 })));
    await expect(service.getThread("t1")).rejects.toMatchObject({ code: "not_found", retryable: false });
  });

  it("sends once more, under the same id, what nobody answered", async () => {
    const bodies: unknown[] = [];
    server.use(
      http.post(`${api}/threads/t1/messages`, async ({ request }) => {
        bodies.push(await request.json());
        return bodies.length === 1 ? HttpResponse.error() : ok(aMessage());
      }),
    );
    expect(await service.sendMessage("t1", "Hola")).toEqual(aMessage());
    expect(bodies[0]).toEqual(bodies[1]);
  });

  it("reads up to the newest of several messages, in whatever order", async () => {
    server.use(
      http.post(`${api}/threads/t1/read`, async ({ request }) => {
        const { message_id } = (await request.json()) as { message_id: string };
        return ok({ thread_id: "t1", read_seq: Number(message_id.slice(1)), unread_count: 0 });
      }),
    );
    expect(await service.markMessagesAsRead("t1", ["m1", "m3", "m2"])).toMatchObject({ read_seq: 3 });
  });
});

describe("of a client", () => {
  const access = { url, getToken: () => "t" };

  it("asks over its socket while it is connected", async () => {
    const client = createFakeClient();
    rememberAccess(client, access);
    client.answer("get_thread", () => aThread({ title: "socket" }));
    expect(await createMessageService(client).getThread("t1")).toMatchObject({ title: "socket" });
  });

  it("asks over HTTP while it is not", async () => {
    server.use(http.get(`${api}/threads/t1`, () => ok(aThread({ title: "http" }))));
    const client = createFakeClient({ connection: { status: "waiting" } });
    rememberAccess(client, access);
    expect(await createMessageService(client).getThread("t1")).toMatchObject({ title: "http" });
    expect(client.asked).toEqual([]);
  });

  it("goes on over HTTP with the same message when the line breaks", async () => {
    let body: unknown;
    server.use(
      http.post(`${api}/threads/t1/messages`, async ({ request }) => {
        body = await request.json();
        return ok(aMessage());
      }),
    );
    const client = createFakeClient();
    rememberAccess(client, access);
    client.answer("send_message", () => {
      throw offline();
    });
    await createMessageService(client).sendMessage("t1", "Hola", "c1");
    expect(client.asked[0]?.request).toMatchObject({ client_message_id: "c1" });
    expect(body).toEqual({ content: "Hola", client_message_id: "c1" });
  });

  it("does not go on where the server refused", async () => {
    const client = createFakeClient();
    rememberAccess(client, access);
    client.answer("send_message", () => {
      throw new Failure("forbidden", "No", false);
    });
    await expect(createMessageService(client).sendMessage("t1", "Hola")).rejects.toMatchObject({ code: "forbidden" });
    expect(client.asked).toHaveLength(1);
  });
});
