import type { RealtimeClient } from "../services/types";
import type { EventName, Events, OperationName, Operations } from "../types/generated/contract";

/** How a test answers an operation. */
export type AnswerOf<Name extends OperationName> = (
  request: Operations[Name]["request"],
) => Operations[Name]["response"] | Promise<Operations[Name]["response"]>;

type Answers = { [Name in OperationName]?: AnswerOf<Name> };

/** Operations that a test answers. */
export interface FakeAsk {
  /** What was asked, in order. */
  readonly asked: { name: OperationName; request: unknown }[];
  readonly ask: RealtimeClient["ask"];
  /** How an operation is answered from now on. One that has no answer never settles. */
  readonly answer: <Name extends OperationName>(name: Name, how: AnswerOf<Name>) => void;
  /** The requests of one operation, in order. */
  readonly requests: <Name extends OperationName>(name: Name) => Operations[Name]["request"][];
}

/** Makes operations that a test answers. */
export function fakeAsk(): FakeAsk {
  const asked: FakeAsk["asked"] = [];
  const answers: Answers = {};
  return {
    asked,
    ask: async (name, request) => {
      asked.push({ name, request });
      const answer = answers[name];
      return answer === undefined ? new Promise(() => {}) : answer(request);
    },
    answer: (name, how) => {
      Object.assign(answers, { [name]: how });
    },
    // `ask` above is the only one who records, with the request of that name.
    requests: (name) => asked.filter((one) => one.name === name).map(({ request }) => request as never),
  };
}

/** Events that a test tells. */
export interface FakeEvents {
  readonly on: RealtimeClient["on"];
  readonly emit: <Name extends EventName>(name: Name, payload: Events[Name]) => void;
}

/** Makes events that a test tells. */
export function fakeEvents(): FakeEvents {
  const emitters = new Map<EventName, Set<(payload: never) => void>>();
  const of = (name: EventName) => {
    const known = emitters.get(name) ?? new Set();
    emitters.set(name, known);
    return known;
  };
  return {
    on: (name, listener) => {
      of(name).add(listener);
      return () => {
        of(name).delete(listener);
      };
    },
    emit: (name, payload) => {
      // The map cannot say that the listeners of a name take its payload; `on` above is the only one who fills it.
      for (const listener of [...of(name)]) listener(payload as never);
    },
  };
}
