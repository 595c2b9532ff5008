/** Where a revision stands against what is known of its thread. */
export type Order = "old" | "next" | "ahead";

/**
 * Up to which revision everything of each thread is known. What was applied ahead of a gap is remembered, so that an
 * event that was only overtaken (by one of another server process) closes the gap without asking.
 */
export class Revisions {
  readonly #known = new Map<string, number>();
  readonly #ahead = new Map<string, Set<number>>();

  get(id: string): number | undefined {
    return this.#known.get(id);
  }

  ids(): readonly string[] {
    return [...this.#known.keys()];
  }

  order(id: string, rev: number): Order {
    const known = this.#known.get(id) ?? 0;
    if (rev <= known) return "old";
    return rev === known + 1 ? "next" : "ahead";
  }

  /** Everything up to `rev` is known, and with it what follows it without a gap. Never goes back. */
  advance(id: string, rev: number): void {
    let known = Math.max(rev, this.#known.get(id) ?? 0);
    const ahead = this.#ahead.get(id);
    if (ahead !== undefined) {
      while (ahead.delete(known + 1)) known += 1;
      for (const later of [...ahead]) if (later <= known) ahead.delete(later);
      if (ahead.size === 0) this.#ahead.delete(id);
    }
    this.#known.set(id, known);
  }

  /** What `rev` changed was applied, but something before it is missing. */
  keepAhead(id: string, rev: number): void {
    const ahead = this.#ahead.get(id) ?? new Set();
    this.#ahead.set(id, ahead.add(rev));
  }

  hasGap(id: string): boolean {
    return this.#ahead.has(id);
  }

  forget(id: string): void {
    this.#known.delete(id);
    this.#ahead.delete(id);
  }

  clear(): void {
    this.#known.clear();
    this.#ahead.clear();
  }
}
