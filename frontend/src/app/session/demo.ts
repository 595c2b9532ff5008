import type { UserId } from "../../types/generated/contract";
import { isRecord, isUserId } from "./claims";
import type { Session } from "./session";

/** One of the demo's people. */
export interface DemoPerson {
  readonly id: UserId;
  readonly name: string;
}

function isPerson(value: unknown): value is DemoPerson {
  return isRecord(value) && isUserId(value.id) && typeof value.name === "string";
}

async function readJson(path: string, options: RequestInit): Promise<unknown> {
  const response = await fetch(path, options);
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
  return response.json();
}

/** Whom the demo lets sign in; null where the server is no demo. Throws when it cannot be reached. */
export async function fetchDemoPeople(signal?: AbortSignal): Promise<readonly DemoPerson[] | null> {
  const people = await readJson("/demo/people", signal ? { signal } : {});
  return Array.isArray(people) ? people.filter(isPerson) : null;
}

/** A new session of one of the demo's people; null where the server is no demo (any more). */
export async function startDemoSession(id: UserId): Promise<Session | null> {
  const answer = await readJson(`/demo/sessions/${encodeURIComponent(id)}`, { method: "POST" });
  if (!isRecord(answer) || typeof answer.token !== "string" || !isUserId(answer.user_id)) return null;
  return {
    kind: "demo",
    token: answer.token,
    userId: answer.user_id,
    name: typeof answer.name === "string" ? answer.name : null,
  };
}
