import { Failure } from "../services/failure";
import type { OpenWire, Wire, WireListener, WireOptions } from "../services/wire";
import type { ErrorCode, EventName, Events, Namespace, OperationName, Operations } from "../types/generated/contract";
import type { AnswerOf } from "./fakeAsk";
import { aGreeting } from "./fakeLine";

/** An envelope as the server refuses with it. */
export function refusal(code: ErrorCode, retryable = false): unknown {
  return { ok: false, error: { code, message: `No: ${code}`, details: {}, retryable, request_id: "r1" } };
}

/** An operation that went over a fake wire. */
export interface Packet {
  readonly namespace: Namespace;
  readonly name: string;
  readonly request: unknown;
  readonly answer: (envelope: unknown) => void;
}

/** One attempt's transport, played by the test. */
export class FakeWire implements Wire {
  readonly packets: Packet[] = [];
  isClosed = false;
  readonly options: WireOptions;
  readonly #listener: WireListener;
  readonly #server: FakeServer;

  constructor(options: WireOptions, listener: WireListener, server: FakeServer) {
    this.options = options;
    this.#listener = listener;
    this.#server = server;
  }

  emit(namespace: Namespace, name: string, request: unknown, answer: (envelope: unknown) => void): void {
    const packet = { namespace, name, request, answer };
    this.packets.push(packet);
    this.#server.handle(packet);
  }

  close(): void {
    this.isClosed = true;
  }

  tell<Name extends EventName>(name: Name, payload: Events[Name], namespace: Namespace = "/messaging"): void {
    if (!this.isClosed) this.#listener.event(namespace, name, payload);
  }

  /** Every namespace greets: the connection is whole. */
  greet(changes: Parameters<typeof aGreeting>[0] = {}): void {
    for (const namespace of this.options.namespaces) this.tell("connection_established", aGreeting(changes), namespace);
  }

  refuse(code: ErrorCode, retryable = false): void {
    this.#listener.refused(refusal(code, retryable));
  }

  /** The transport is gone. */
  drop(): void {
    this.#listener.closed();
  }
}

/** The other end of fake wires: it answers what the test told it to, and leaves the rest without an answer. */
export class FakeServer {
  readonly wires: FakeWire[] = [];
  readonly #answers = new Map<string, (request: never) => unknown>();

  readonly open: OpenWire = (options, listener) => {
    const wire = new FakeWire(options, listener, this);
    this.wires.push(wire);
    return wire;
  };

  /** The newest wire. */
  get wire(): FakeWire {
    const wire = this.wires.at(-1);
    if (wire === undefined) throw new Error("No wire was opened yet.");
    return wire;
  }

  /** How an operation is answered from now on; what it throws as a Failure is the refusal. */
  answer<Name extends OperationName>(name: Name, how: AnswerOf<Name>): void {
    this.#answers.set(name, how);
  }

  /** The requests of one operation on all wires. */
  requests<Name extends OperationName>(name: Name): Operations[Name]["request"][] {
    const packets = this.wires.flatMap((wire) => wire.packets);
    return packets.filter((packet) => packet.name === name).map(({ request }) => request as never);
  }

  async handle(packet: Packet): Promise<void> {
    const answer = this.#answers.get(packet.name);
    if (answer === undefined) return;
    try {
      packet.answer({ ok: true, data: await answer(packet.request as never) });
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown;
      const { code, message, retryable, details } = thrown;
      packet.answer({ ok: false, error: { code, message, retryable, details, request_id: "r1" } });
    }
  }
}
