// How much JavaScript a visitor downloads (gzip): with the first page, which has a budget, and in all. Exits 1 above it.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 190;
const BUILD = new URL("../../server/static/app/", import.meta.url);

const gzipKb = (name) => gzipSync(readFileSync(new URL(`assets/${name}`, BUILD)), { level: 9 }).length / 1000;
const sum = (names) => names.reduce((total, name) => total + gzipKb(name), 0);

const all = readdirSync(new URL("assets/", BUILD)).filter((name) => name.endsWith(".js"));
const page = readFileSync(new URL("index.html", BUILD), "utf8");
const first = all.filter((name) => page.includes(`/assets/${name}`));
const firstKb = sum(first);

for (const name of all) console.log(`${gzipKb(name).toFixed(1).padStart(7)} kB  ${name}`);
console.log(`${firstKb.toFixed(1).padStart(7)} kB  with the first page, of ${BUDGET_KB} kB`);
console.log(`${sum(all).toFixed(1).padStart(7)} kB  in all`);
if (firstKb > BUDGET_KB) {
  console.error(`The JavaScript of the app's first page is over its budget of ${BUDGET_KB} kB.`);
  process.exit(1);
}
