import { createHmac } from "node:crypto";
import type { Browser, BrowserContextOptions, Page } from "@playwright/test";
import type { Message, Notification, Thread } from "../../src/types/generated/contract";
import { JWT_SECRET, SERVICE_TOKEN } from "./server";

/** Someone whom a test made. */
export interface Person {
  readonly id: number;
  readonly name: string;
  readonly token: string;
}

type NewThread = { readonly title?: string; readonly subject?: Thread["subject"] };
type NewNotification = {
  readonly title: string;
  readonly message: string;
  readonly priority?: Notification["priority"];
  readonly action_url?: string;
};

function sign(claims: Readonly<Record<string, unknown>>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", JWT_SECRET).update(signed).digest("base64url")}`;
}

/** An access token as the users' backend would sign it. */
export function tokenOf(id: number, name: string, ttlS = 3600): string {
  const now = Math.floor(Date.now() / 1000);
  return sign({ token_type: "access", user_id: id, name, iat: now, exp: now + ttlS });
}

let lastId = 0;

/** What a test does beside the browser: as the users' backend, by HTTP. */
export class World {
  constructor(
    readonly url: string,
    private readonly browser: Browser,
    private readonly options: BrowserContextOptions,
    private readonly worker: number,
  ) {}

  async api<Data>(method: string, path: string, body?: unknown, token = SERVICE_TOKEN): Promise<Data> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = await response.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer.error)}`);
    return answer.data;
  }

  /** New people; nobody else's test meets them. */
  async people<Names extends readonly string[]>(...names: Names): Promise<{ [Index in keyof Names]: Person }> {
    const made = names.map(async (name) => {
      lastId += 1;
      const id = (this.worker + 1) * 100_000 + lastId;
      await this.api("PUT", `/users/${id}`, { display_name: name, locale: "en" });
      return { id, name, token: tokenOf(id, name) };
    });
    return (await Promise.all(made)) as { [Index in keyof Names]: Person };
  }

  /** A thread of these people: direct if they are two. */
  thread(people: readonly Person[], about: NewThread = {}): Promise<Thread> {
    const kind = people.length === 2 && !about.title ? "direct" : "group";
    return this.api("POST", "/threads", { kind, participant_ids: people.map(({ id }) => id), ...about });
  }

  say(thread: Thread, sender: Person, content: string): Promise<Message> {
    return this.api("POST", `/threads/${thread.id}/messages`, { content, sender_id: sender.id });
  }

  /** As if the person had read all of it. */
  read(thread: Thread, reader: Person): Promise<unknown> {
    return this.api("POST", `/threads/${thread.id}/read`, {}, reader.token);
  }

  notify(person: Person, notification: NewNotification): Promise<unknown> {
    return this.api("POST", "/notifications", { user_id: person.id, ...notification });
  }

  /** What the server has of a thread's latest messages. */
  async history(thread: Thread, reader: Person): Promise<Message[]> {
    const path = `/threads/${thread.id}/messages?limit=100`;
    const page = await this.api<{ messages: Message[] }>("GET", path, undefined, reader.token);
    return page.messages;
  }

  /** A browser where nobody is signed in. */
  async guest(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext({ ...this.options, baseURL: this.url, ...options });
    return context.newPage();
  }

  /** A browser of the person's own, at an address of the app. */
  async open(person: Person, path = "/", options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.guest(options);
    await page.goto(`${path}#token=${person.token}`);
    return page;
  }
}
