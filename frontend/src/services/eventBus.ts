import type { EventName, Events } from "../types/generated/contract";
import { Emitter } from "./emitter";

/** What reads some events before the listeners do. */
export type EventReaders = { readonly [Name in EventName]?: (payload: Events[Name]) => void };

type Emitters = { [Name in EventName]?: Emitter<Events[Name]> };

/** The listeners of every event, by name. */
export class EventBus {
  readonly #emitters: Emitters = {};

  on<Name extends EventName>(name: Name, listener: (payload: Events[Name]) => void): () => void {
    const known: Emitters[Name] = this.#emitters[name];
    if (known !== undefined) return known.on(listener);
    const emitter = new Emitter<Events[Name]>();
    Object.assign(this.#emitters, { [name]: emitter });
    return emitter.on(listener);
  }

  /** Gives an event of the wire to its reader, then to its listeners. One whose name nobody knows is passed over. */
  read(name: string, payload: unknown, readers: EventReaders): void {
    if (!isEventName(name)) return;
    this.#tell(name, payload, readers);
  }

  #tell<Name extends EventName>(name: Name, payload: unknown, readers: EventReaders): void {
    // The contract says what comes with a name; the server is built from the same.
    const event = payload as Events[Name];
    readers[name]?.(event);
    this.#emitters[name]?.emit(event);
  }
}

const NAMES: { readonly [Name in EventName]: true } = {
  connection_established: true,
  connection_closing: true,
  service_degraded: true,
  service_restored: true,
  error: true,
  pong: true,
  token_expiring: true,
  new_message: true,
  message_read_receipt: true,
  message_delivered_receipt: true,
  thread_created: true,
  typing_notification: true,
  user_updated: true,
  user_status_update: true,
  general_notification: true,
  urgent_notification: true,
  notification_updated: true,
  settings_updated: true,
};

function isEventName(name: string): name is EventName {
  return Object.hasOwn(NAMES, name);
}
