import { describe, expect, it } from "vitest";
import { createFormats } from "../../i18n/formats";
import { aNotification } from "../../testing/factories";
import { byDay, filtered } from "./filter";
import { stillUnread, withArrival } from "./toastQueue";

const READ = "2026-11-24T12:00:00.000Z";

describe("filtered", () => {
  const all = [
    aNotification({ id: "a", priority: "urgent", read_at: READ }),
    aNotification({ id: "b" }),
    aNotification({ id: "c", read_at: READ }),
  ];
  it.each([
    ["all", ["a", "b", "c"]],
    ["unread", ["b"]],
    ["urgent", ["a"]],
  ] as const)("%s", (filter, ids) => {
    expect(filtered(all, filter).map(({ id }) => id)).toEqual(ids);
  });
});

describe("byDay", () => {
  it("groups by calendar day and keeps the order", () => {
    const now = new Date(2026, 10, 24, 12);
    const at = (day: number, hour: number) => new Date(2026, 10, day, hour).toISOString();
    const days = byDay(
      [
        aNotification({ id: "a", timestamp: at(24, 11) }),
        aNotification({ id: "b", timestamp: at(24, 0) }),
        aNotification({ id: "c", timestamp: at(23, 23) }),
      ],
      createFormats("en"),
      now,
    );
    expect(days.map(({ day, notifications }) => [day, notifications.map(({ id }) => id)])).toEqual([
      ["Today", ["a", "b"]],
      ["Yesterday", ["c"]],
    ]);
  });
});

describe("the toasts", () => {
  const ordinary = (id: string) => aNotification({ id });
  const urgent = (id: string) => aNotification({ id, priority: "urgent" });
  const shown = (...arrivals: ReturnType<typeof aNotification>[]) =>
    arrivals.reduce<readonly ReturnType<typeof aNotification>[]>(withArrival, []).map(({ id }) => id);

  it("are three at most: the oldest ordinary one makes room", () => {
    expect(shown(urgent("a"), ordinary("b"), ordinary("c"), ordinary("d"))).toEqual(["a", "c", "d"]);
  });
  it("let an urgent one go only for want of another", () => {
    expect(shown(urgent("a"), urgent("b"), urgent("c"), ordinary("d"))).toEqual(["b", "c", "d"]);
  });
  it("show the same notification once", () => {
    expect(shown(ordinary("a"), ordinary("b"), ordinary("a"))).toEqual(["b", "a"]);
  });
  it("go away once read elsewhere", () => {
    expect(stillUnread([ordinary("a"), ordinary("b")], [aNotification({ id: "a", read_at: READ })])).toEqual([
      ordinary("b"),
    ]);
  });
});
