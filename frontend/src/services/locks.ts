/** Does something while no other tab of this origin does it; without the Web Locks API at once. */
export function exclusively<Result>(name: string, act: () => Promise<Result>): Promise<Result> {
  return hasLocks() ? navigator.locks.request(name, act) : act();
}

/** Does something unless another tab is doing it, and keeps others from it for a while. Resolves once it did. */
export function unlessElsewhere(name: string, holdMs: number, act: () => void): Promise<void> {
  if (!hasLocks()) {
    act();
    return Promise.resolve();
  }
  return new Promise((resolve, reject) => {
    const held = navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock !== null) act();
      resolve();
      return lock === null ? undefined : new Promise<void>((release) => setTimeout(release, holdMs));
    });
    held.catch(reject);
  });
}

/** Only pages of a secure context have it. */
function hasLocks(): boolean {
  return typeof navigator !== "undefined" && "locks" in navigator && navigator.locks !== undefined;
}
