/** The token that the user's own site put into the address as `#token=...`; null if there is none. */
export function tokenOfFragment(fragment: string): string | null {
  return new URLSearchParams(fragment.replace(/^#/, "")).get("token") || null;
}

/** Reads the token out of the address and removes it there at once, so that it does not stay in the history. */
export function takeTokenOfAddress(location: Location, history: History): string | null {
  const token = tokenOfFragment(location.hash);
  if (token !== null) history.replaceState(history.state, "", location.pathname + location.search);
  return token;
}
