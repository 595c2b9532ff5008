import { afterEach, expect, it, vi } from "vitest";
import { fetchDemoPeople, startDemoSession } from "./demo";

function answer(status: number, body: unknown = null) {
  const fetched = vi.fn(async (..._: unknown[]) => new Response(JSON.stringify(body), { status }));
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

afterEach(() => vi.unstubAllGlobals());

it("lists the demo's people, and nothing that is none", async () => {
  answer(200, [{ id: 1, name: "María" }, { id: "x", name: "Juan" }, { id: 2 }, 7]);
  expect(await fetchDemoPeople()).toEqual([
    { id: 1, name: "María" },
    { id: "x", name: "Juan" },
  ]);
});

it("knows that a server is no demo", async () => {
  answer(404);
  expect(await fetchDemoPeople()).toBeNull();
  expect(await startDemoSession(1)).toBeNull();
});

it("does not take a failing server for one without a demo", async () => {
  answer(503);
  await expect(fetchDemoPeople()).rejects.toThrow("503");
});

it("starts a session", async () => {
  const fetched = answer(200, { token: "a.b.c", user_id: 3, name: "Lucía" });
  expect(await startDemoSession("a/b")).toEqual({ kind: "demo", token: "a.b.c", userId: 3, name: "Lucía" });
  expect(fetched).toHaveBeenCalledWith("/demo/sessions/a%2Fb", { method: "POST" });
});
