import { handled } from "./failure";
import type { Line } from "./line";
import { createStore } from "./store";
import type { PersonSettings, Settings, SettingsChange } from "./types";

/** The person's settings. A change shows at once; of several the server's word on the last one counts. */
export class SettingsService implements Settings {
  readonly #line: Line;
  readonly #store = createStore<PersonSettings | null>(null);
  /** What the server said last. */
  #theirs: PersonSettings | null = null;
  /** Changes on their way, oldest first. */
  #changes: readonly SettingsChange[] = [];

  constructor(line: Line) {
    this.#line = line;
  }

  readonly subscribe = this.#store.subscribe;
  readonly getSnapshot = this.#store.getSnapshot;

  readonly update = (change: SettingsChange): Promise<void> => handled(this.#update(change));

  /** The server told them: another device changed them, or this one. */
  readonly hear = ({ settings }: { readonly settings: PersonSettings }): void => {
    this.#theirs = settings;
    this.#publish();
  };

  async load(): Promise<void> {
    if (!this.#line.can("get_settings")) return;
    const settings = await this.#line.ask("get_settings", {});
    if (this.#line.isWhole) this.hear({ settings });
  }

  clear(): void {
    this.#theirs = null;
    this.#changes = [];
    this.#publish();
  }

  async #update(change: SettingsChange): Promise<void> {
    this.#changes = [...this.#changes, change];
    this.#publish();
    try {
      const theirs = await this.#line.ask("update_settings", { ...change });
      if (this.#line.isWhole) this.#theirs = theirs;
    } finally {
      this.#changes = this.#changes.filter((one) => one !== change);
      this.#publish();
    }
  }

  #publish(): void {
    let shown = this.#theirs;
    if (shown !== null) for (const change of this.#changes) shown = { ...shown, ...change };
    this.#store.set(shown);
  }
}
