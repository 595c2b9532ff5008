import { describe, expect, it } from "vitest";
import { aMessage, aParticipant, aThread, ME } from "../../testing/factories";
import { counterpart, lastMessageState, matchesThread, threadName, threadTopic } from "./threadSummary";

const SUBJECT = { type: "property", id: "9", title: "Piso en Calle Mayor", url: null, image_url: null };
const me = aParticipant({ user_id: ME, display_name: "María García" });

function aGroup(names: readonly string[], title: string | null = null) {
  const others = names.map((display_name, index) => aParticipant({ user_id: index + 10, display_name }));
  return aThread({ kind: "group", title, participants: [me, ...others] });
}

describe("threadName", () => {
  it("is the other's name in a direct thread, whatever its title", () => {
    expect(threadName(aThread({ title: "Contrato" }), ME)).toBe("Juan Pérez");
    expect(threadName(aThread(), String(ME))).toBe("Juan Pérez");
  });

  it("is the title of a group, else its participants without us", () => {
    expect(threadName(aGroup(["Ana", "Luis"], "Comunidad"), ME)).toBe("Comunidad");
    expect(threadName(aGroup(["Ana", "Luis"]), ME)).toBe("Ana, Luis");
    expect(threadName(aGroup(["A", "B", "C", "D", "E"]), ME)).toBe("A, B, C +2");
    expect(threadName(aGroup([]), ME)).toBe("");
  });
});

describe("threadTopic", () => {
  it("is what the name does not say", () => {
    expect(threadTopic(aThread({ title: "Fianza", subject: SUBJECT }))).toBe("Fianza · Piso en Calle Mayor");
    expect(threadTopic(aThread({ kind: "group", title: "Obra", subject: SUBJECT }))).toBe("Piso en Calle Mayor");
    expect(threadTopic(aThread())).toBeNull();
  });
});

describe("counterpart", () => {
  it("is nobody in a group", () => {
    expect(counterpart(aGroup(["Ana"]), ME)).toBeNull();
  });
});

describe("matchesThread", () => {
  const thread = aThread({ subject: SUBJECT });
  it.each(["", "  ", "juan", "PEREZ", "mayor juan", "piso"])("finds %j", (query) => {
    expect(matchesThread(thread, query)).toBe(true);
  });

  it("wants every word", () => {
    expect(matchesThread(thread, "juan menor")).toBe(false);
  });
});

describe("lastMessageState", () => {
  const mine = aMessage({ seq: 5, sender_id: ME });
  const withOther = (changes: Parameters<typeof aParticipant>[0]) =>
    aThread({ last_message: mine, participants: [me, aParticipant(changes)] });

  it("follows the others' positions", () => {
    expect(lastMessageState(withOther({}), ME)).toBe("sent");
    expect(lastMessageState(withOther({ delivered_seq: 5 }), ME)).toBe("delivered");
    expect(lastMessageState(withOther({ delivered_seq: 5, read_seq: 5 }), ME)).toBe("read");
    expect(lastMessageState(aThread({ last_message: { ...mine, is_read: true } }), ME)).toBe("read");
  });

  it("waits for everyone in a group", () => {
    const participants = [me, aParticipant({ read_seq: 5 }), aParticipant({ user_id: 3, delivered_seq: 4 })];
    expect(lastMessageState(aThread({ kind: "group", last_message: mine, participants }), ME)).toBe("sent");
  });

  it("says nothing of others' messages", () => {
    expect(lastMessageState(aThread({ last_message: aMessage() }), ME)).toBeNull();
    expect(lastMessageState(aThread(), ME)).toBeNull();
  });
});
