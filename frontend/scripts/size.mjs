// How much JavaScript the app is (gzip). The budget is for what a visitor downloads to read and write: the first page
// and a conversation. Notifications, settings, new conversations and the emoji picker come when they are first used;
// their sum is printed, too. Exits 1 above the budget.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 190;
const BUILD = new URL("../../server/static/app/", import.meta.url);
const CONVERSATION = "RealTimeChatWindow";

const read = (name) => readFileSync(new URL(`assets/${name}`, BUILD), "utf8");
const gzipKb = (name) => gzipSync(read(name), { level: 9 }).length / 1000;
const sum = (names) => [...names].reduce((total, name) => total + gzipKb(name), 0);

/** A chunk and all that it imports at once. */
function withImports(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  for (const [, imported] of read(name).matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) withImports(imported, found);
  return found;
}

const all = readdirSync(new URL("assets/", BUILD)).filter((name) => name.endsWith(".js"));
const page = readFileSync(new URL("index.html", BUILD), "utf8");
const needed = new Set();
for (const name of all) {
  if (page.includes(`/assets/${name}`) || name.startsWith(CONVERSATION)) withImports(name, needed);
}
if (![...needed].some((name) => name.startsWith(CONVERSATION))) throw new Error(`no chunk ${CONVERSATION}`);

const total = sum(needed);
for (const name of all)
  console.log(`${gzipKb(name).toFixed(1).padStart(7)} kB ${needed.has(name) ? "*" : " "} ${name}`);
console.log(`${total.toFixed(1).padStart(7)} kB * to read and write, of ${BUDGET_KB} kB`);
console.log(`${sum(all).toFixed(1).padStart(7)} kB   with all that comes later`);
if (total > BUDGET_KB) {
  console.error(`The app's JavaScript is over its budget of ${BUDGET_KB} kB.`);
  process.exit(1);
}
