import { act } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { aPresence } from "../testing/factories";
import { createFakeClient } from "../testing/fakeClient";
import { renderWith } from "./testHarness";
import { usePresence } from "./usePresence";

it("asks for people and follows them", () => {
  const client = createFakeClient();
  const { result } = renderWith(client, () => usePresence([2, "x"]));
  expect(client.presence.ensure).toHaveBeenLastCalledWith([2, "x"]);
  expect(result.current.size).toBe(0);
  act(() => client.presence.set({ users: new Map([["2", aPresence()]]) }));
  expect(result.current.get("2")).toEqual(aPresence());
});

it("does not ask again for the same people in another array, nor for nobody", () => {
  const client = createFakeClient();
  const { rerender } = renderWith(client, ({ ids }: { ids: number[] }) => usePresence(ids), {
    initialProps: { ids: [2] },
  });
  client.presence.ensure.mockClear();
  rerender({ ids: [2] });
  expect(client.presence.ensure).not.toHaveBeenCalled();
  rerender({ ids: [] });
  expect(client.presence.ensure).not.toHaveBeenCalled();
  rerender({ ids: [3] });
  expect(client.presence.ensure).toHaveBeenCalledWith([3]);
});

it("does not render when someone else comes or goes", () => {
  const known = aPresence();
  const client = createFakeClient({ presence: { users: new Map([["2", known]]) } });
  const rendered = vi.fn();
  const { result } = renderWith(client, () => {
    rendered();
    return usePresence([2]);
  });
  rendered.mockClear();
  const other = aPresence({ user_id: 9 });
  act(() =>
    client.presence.set({
      users: new Map([
        ["2", known],
        ["9", other],
      ]),
    }),
  );
  expect(rendered).not.toHaveBeenCalled();
  act(() => client.presence.set({ users: new Map([["2", aPresence({ state: "away" })]]) }));
  expect(result.current.get("2")?.state).toBe("away");
});
