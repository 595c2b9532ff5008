import { Emitter } from "../services/emitter";
import type { Visibility } from "../services/types";

/** A page whose visibility a test sets. */
export interface FakeVisibility extends Visibility {
  show(): void;
  hide(): void;
}

/** Makes one that is visible, unless told otherwise. */
export function createFakeVisibility(isVisible = true): FakeVisibility {
  const changes = new Emitter<void>();
  let visible = isVisible;
  const set = (next: boolean) => {
    visible = next;
    changes.emit();
  };
  return { isVisible: () => visible, subscribe: changes.on, show: () => set(true), hide: () => set(false) };
}
