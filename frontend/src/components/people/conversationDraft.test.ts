import { describe, expect, it } from "vitest";
import { aUser } from "../../testing/factories";
import { EMPTY_DRAFT, missing, toggled, toRequest } from "./conversationDraft";

const JUAN = aUser();
const LUCIA = aUser({ id: "lucia", display_name: "Lucía Fernández" });
const SUBJECT = { type: "visit", id: " 87 ", title: " The tap " } as const;

describe("a draft", () => {
  it("says what it needs, one thing at a time", () => {
    expect(missing(EMPTY_DRAFT)).toBe("person");
    expect(missing({ ...EMPTY_DRAFT, people: [JUAN] })).toBeNull();
    expect(missing({ ...EMPTY_DRAFT, people: [JUAN, LUCIA], title: "  " })).toBe("title");
    const group = { people: [JUAN, LUCIA], title: "Kitchen" };
    expect(missing({ ...group, subject: null })).toBeNull();
    expect(missing({ ...group, subject: { ...SUBJECT, title: " " } })).toBe("subjectTitle");
    expect(missing({ ...group, subject: { ...SUBJECT, id: "" } })).toBe("subjectId");
    expect(missing({ ...group, subject: SUBJECT })).toBeNull();
  });

  it("of one person is a direct thread, whose title nobody asked for", () => {
    expect(toRequest({ people: [JUAN], title: "left over", subject: null })).toEqual({
      kind: "direct",
      participant_ids: [2],
    });
  });

  it("of several is a group; what was typed is trimmed", () => {
    expect(toRequest({ people: [JUAN, LUCIA], title: " Kitchen ", subject: SUBJECT })).toEqual({
      kind: "group",
      participant_ids: [2, "lucia"],
      title: "Kitchen",
      subject: { type: "visit", id: "87", title: "The tap" },
    });
  });

  it("takes people in and out", () => {
    expect(toggled(toggled([], JUAN), LUCIA)).toEqual([JUAN, LUCIA]);
    expect(toggled([JUAN, LUCIA], aUser())).toEqual([LUCIA]);
  });
});
