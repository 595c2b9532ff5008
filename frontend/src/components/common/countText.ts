const MOST = 99;

/** A count as a badge shows it: "99+" from a hundred on. */
export function countText(count: number): string {
  return count > MOST ? `${MOST}+` : String(count);
}
