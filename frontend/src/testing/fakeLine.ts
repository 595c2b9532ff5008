import { Emitter } from "../services/emitter";
import type { Line } from "../services/line";
import { homeOf, NAMESPACES } from "../services/namespaces";
import type { ConnectionEstablishedEvent, Namespace } from "../types/generated/contract";
import { ME } from "./factories";
import { type FakeAsk, type FakeEvents, fakeAsk, fakeEvents } from "./fakeAsk";

/** A connection for the tests of stores: operations are answered by the test, events are told by it. */
export interface FakeLine extends Line, FakeAsk, Pick<FakeEvents, "emit"> {
  readonly on: FakeEvents["on"];
  readonly ask: FakeAsk["ask"];
  isWhole: boolean;
  /** The connection becomes whole. */
  come(): void;
  /** It is lost. */
  go(): void;
}

/** The greeting that tests use. */
export function aGreeting(changes: Partial<ConnectionEstablishedEvent> = {}): ConnectionEstablishedEvent {
  return {
    message: "Hello",
    user_id: ME,
    session_id: "s1",
    server_time: "2026-11-24T12:00:00.000Z",
    heartbeat_interval_s: 30,
    reconnect_attempts: 5,
    recovered: false,
    ...changes,
  };
}

/** Makes one that is whole. */
export function createFakeLine(namespaces: readonly Namespace[] = NAMESPACES): FakeLine {
  const whole = new Emitter<ConnectionEstablishedEvent>();
  const lost = new Emitter<void>();
  const line: FakeLine = {
    ...fakeAsk(),
    ...fakeEvents(),
    namespaces,
    isWhole: true,
    whole,
    lost,
    can: (name) => homeOf(name, {}, namespaces) !== undefined,
    come: () => {
      line.isWhole = true;
      whole.emit(aGreeting());
    },
    go: () => {
      line.isWhole = false;
      lost.emit();
    },
  };
  return line;
}
