// How much JavaScript the app is (gzip): with the first page, and in all, lazily loaded parts included, which has a
// budget. Exits 1 above it.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 190;
const BUILD = new URL("../../server/static/app/", import.meta.url);

const gzipKb = (name) => gzipSync(readFileSync(new URL(`assets/${name}`, BUILD)), { level: 9 }).length / 1000;
const sum = (names) => names.reduce((total, name) => total + gzipKb(name), 0);

const all = readdirSync(new URL("assets/", BUILD)).filter((name) => name.endsWith(".js"));
const page = readFileSync(new URL("index.html", BUILD), "utf8");
const first = all.filter((name) => page.includes(`/assets/${name}`));
if (first.length === 0) throw new Error("the page loads none of the build's JavaScript");
const totalKb = sum(all);

for (const name of all) console.log(`${gzipKb(name).toFixed(1).padStart(7)} kB  ${name}`);
console.log(`${sum(first).toFixed(1).padStart(7)} kB  with the first page`);
console.log(`${totalKb.toFixed(1).padStart(7)} kB  in all, of ${BUDGET_KB} kB`);
if (totalKb > BUDGET_KB) {
  console.error(`The app's JavaScript is over its budget of ${BUDGET_KB} kB.`);
  process.exit(1);
}
