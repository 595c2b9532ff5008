import type { OperationName, Operations } from "../types/generated/contract";
import { Failure, failureOf, isSuccess, isTokenProblem, offline, timedOut } from "./failure";
import type { RealtimeClientOptions } from "./types";

const ANSWER_MS = 10_000;

/** Who asks, and where. */
export type HttpAccess = Pick<RealtimeClientOptions, "url" | "getToken" | "locale" | "answerMs">;

/** The operations that are offered over HTTP, too, with their method and path below `/api/v1`. */
const ROUTES = {
  sync: "POST /sync",
  list_threads: "GET /threads",
  create_thread: "POST /threads",
  get_thread: "GET /threads/{thread_id}",
  get_history: "GET /threads/{thread_id}/messages",
  send_message: "POST /threads/{thread_id}/messages",
  mark_as_read: "POST /threads/{thread_id}/read",
  mark_delivered: "POST /threads/{thread_id}/delivered",
  list_people: "GET /people",
  get_presence: "GET /presence",
  list_notifications: "GET /notifications",
  mark_notification_read: "POST /notifications/{notification_id}/read",
  mark_all_notifications_read: "POST /notifications/read-all",
  clear_notification: "DELETE /notifications/{notification_id}",
  get_settings: "GET /settings",
  update_settings: "PATCH /settings",
  subscribe_push: "POST /push/subscriptions",
  unsubscribe_push: "POST /push/subscriptions/remove",
} as const satisfies Partial<Record<OperationName, string>>;

/** An operation that HTTP knows. */
export type HttpOperation = keyof typeof ROUTES;

/** Asks over HTTP: the same operation, the same envelope. A token that is refused is replaced once. */
export async function askHttp<Name extends HttpOperation>(
  access: HttpAccess,
  name: Name,
  request: Operations[Name]["request"],
): Promise<Operations[Name]["response"]> {
  try {
    return await askOnce(access, name, request, await access.getToken("connect"));
  } catch (thrown) {
    if (!(thrown instanceof Failure) || !isTokenProblem(thrown.code)) throw thrown;
    return askOnce(access, name, request, await access.getToken("refused"));
  }
}

async function askOnce<Name extends HttpOperation>(
  access: HttpAccess,
  name: Name,
  request: Operations[Name]["request"],
  token: string,
): Promise<Operations[Name]["response"]> {
  const { address, init } = toHttp(ROUTES[name], request);
  const headers = new Headers({ Authorization: `Bearer ${token}` });
  if (init.body !== undefined) headers.set("Content-Type", "application/json");
  if (access.locale !== undefined) headers.set("Accept-Language", access.locale);
  const base = (access.url ?? "").replace(/\/$/, "");
  const signal = AbortSignal.timeout(access.answerMs ?? ANSWER_MS);
  const envelope = await fetchEnvelope(`${base}/api/v1${address}`, { ...init, headers, signal });
  if (!isSuccess(envelope)) throw failureOf(envelope);
  // As over the socket: the contract says what an operation answers.
  return envelope.data as Operations[Name]["response"];
}

async function fetchEnvelope(address: string, init: RequestInit): Promise<unknown> {
  try {
    const response = await fetch(address, init);
    return await response.json();
  } catch (thrown) {
    throw thrown instanceof DOMException && thrown.name === "TimeoutError" ? timedOut() : offline();
  }
}

/** Fields that the path names go there; the others into the query (GET, DELETE) or the body. */
function toHttp(route: string, request: object): { address: string; init: { method: string; body?: string } } {
  const [method = "", path = ""] = route.split(" ");
  const rest = new Map(Object.entries(request).filter(([, value]) => value !== undefined));
  const address = path.replace(/\{(\w+)\}/g, (_, field: string) => {
    const value = rest.get(field);
    rest.delete(field);
    return encodeURIComponent(String(value));
  });
  if (method !== "GET" && method !== "DELETE") {
    return { address, init: { method, body: JSON.stringify(Object.fromEntries(rest)) } };
  }
  const query = new URLSearchParams();
  for (const [field, value] of rest) if (value !== null) query.set(field, String(value));
  return { address: query.size === 0 ? address : `${address}?${query}`, init: { method } };
}
