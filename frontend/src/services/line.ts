import type { ConnectionEstablishedEvent, Namespace, OperationName } from "../types/generated/contract";
import type { Emitter } from "./emitter";
import type { RealtimeClient } from "./types";

/** What the stores need of the connection. */
export interface Line {
  readonly namespaces: readonly Namespace[];
  readonly isWhole: boolean;
  readonly whole: Pick<Emitter<ConnectionEstablishedEvent>, "on">;
  readonly lost: Pick<Emitter<void>, "on">;
  readonly ask: RealtimeClient["ask"];
  readonly on: RealtimeClient["on"];
  can(name: OperationName): boolean;
}
