import { useCallback, useState } from "react";

/** How the last change fared: its error's message, if it failed. */
export type Saving =
  | { readonly state: "idle" | "saving" | "saved" }
  | { readonly state: "failed"; readonly message: string };

/** Runs changes one says "saved" of; a newer change's outcome wins. */
export function useSaving(): [Saving, (change: () => Promise<void>) => void] {
  const [saving, setSaving] = useState<Saving>({ state: "idle" });
  const save = useCallback((change: () => Promise<void>) => {
    setSaving({ state: "saving" });
    change().then(
      () => setSaving({ state: "saved" }),
      (error: unknown) => setSaving({ state: "failed", message: error instanceof Error ? error.message : "" }),
    );
  }, []);
  return [saving, save];
}
