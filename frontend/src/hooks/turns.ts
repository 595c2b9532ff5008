/** Runs a task after those before it. While a task of the same name waits or runs, it is not run once more. */
export type InTurn = (name: string, task: () => Promise<unknown>) => Promise<void>;

const settled = () => {};

/** A queue of tasks. One that fails makes way for the next. */
export function createTurns(): InTurn {
  const pending = new Map<string, Promise<void>>();
  let last: Promise<unknown> = Promise.resolve();
  return (name, task) => {
    const known = pending.get(name);
    if (known) return known;
    const done = last
      .then(task)
      .then(settled, settled)
      .finally(() => pending.delete(name));
    pending.set(name, done);
    last = done;
    return done;
  };
}

const queues = new WeakMap<object, InTurn>();

/** The one queue of whatever must not be loaded twice at a time. */
export function turnsOf(owner: object): InTurn {
  const queue = queues.get(owner) ?? createTurns();
  queues.set(owner, queue);
  return queue;
}
