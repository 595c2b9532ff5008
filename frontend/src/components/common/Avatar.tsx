import { useState } from "react";
import styles from "./Avatar.module.css";
import { classes } from "./classes";
import { initials, tone } from "./initials";
import { PresenceDot } from "./PresenceDot";
import type { PresenceState } from "./presence";

/** The picture of someone whose name stands beside it: it says no name itself, only the presence. */
export interface AvatarProps {
  readonly name: string;
  /** Shown once it has loaded; until then, and if it does not, the initials. */
  readonly url?: string | null | undefined;
  readonly presence?: PresenceState | undefined;
  /** 2rem, 2.5rem, 4rem. */
  readonly size?: "small" | "medium" | "large";
}

/** A round picture, or initials on a colour that belongs to the name, with a presence dot. */
export function Avatar({ name, url, presence, size = "medium" }: AvatarProps) {
  return (
    <span className={classes(styles.avatar, styles[size])} data-tone={tone(name)}>
      <span className={styles.initials} aria-hidden="true">
        {initials(name)}
      </span>
      {url ? <Picture key={url} url={url} /> : null}
      {presence ? (
        <span className={styles.presence}>
          <PresenceDot presence={presence} />
        </span>
      ) : null}
    </span>
  );
}

function Picture({ url }: { readonly url: string }) {
  const [state, setState] = useState<"loading" | "loaded" | "failed">("loading");
  if (state === "failed") return null;
  return (
    <img
      className={styles.picture}
      src={url}
      alt=""
      decoding="async"
      referrerPolicy="no-referrer"
      data-state={state}
      onLoad={() => setState("loaded")}
      onError={() => setState("failed")}
    />
  );
}
