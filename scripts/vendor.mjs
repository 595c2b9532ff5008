// Fetches the documentation viewers that the server serves offline (/docs and /docs/events).
//
//   node scripts/vendor.mjs
//
// Why not dependencies in package.json: `npm ci` of @asyncapi/react-component brings 247 packages and 131 MB
// for two files of a bundle that already contains them all, and swagger-ui-dist brings an install script that
// reports home. `npm pack` fetches just the two tarballs (6 MB, under 2 s) from whichever registry npm is set
// to, runs no script, and the hashes below lock them as a lock file would.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const TARGET = join(dirname(fileURLToPath(import.meta.url)), "..", "server", "static", "vendor");

const PACKAGES = [
  {
    spec: "swagger-ui-dist@5.35.0",
    integrity:
      "sha512-U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ==",
    folder: "swagger-ui",
    files: ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "LICENSE", "NOTICE"],
  },
  {
    spec: "@asyncapi/react-component@3.2.1",
    integrity:
      "sha512-k5ZqJd6+oxYaQ2o6F3rGWJ1MTIjXdpsUYB3NKQbVqr4yzrN0Ovj5c7eZx8NGd3wfKPhbOrLREtYl9K2OPfnSsA==",
    folder: "asyncapi",
    // The minified style sheet: the plain one is 4.6 MB because it carries its source map.
    files: [
      "browser/standalone/index.js",
      "browser/standalone/index.js.LICENSE.txt",
      "styles/default.min.css",
      "LICENSE",
    ],
  },
];

/** Downloads one tarball into `folder` and returns its path, or throws if it is not the one we know. */
function fetchPackage({ spec, integrity }, folder) {
  const output = execFileSync("npm", ["pack", spec, "--silent", "--ignore-scripts", "--pack-destination", folder], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    shell: process.platform === "win32", // npm is npm.cmd there
  });
  const tarball = join(folder, output.trim().split("\n").at(-1));
  const actual = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
  if (actual !== integrity) throw new Error(`${spec}: expected ${integrity}, got ${actual}`);
  return tarball;
}

/** Copies the wanted files of one package, flat, into its folder under server/static/vendor. */
function install(entry, scratch) {
  const unpacked = mkdtempSync(join(scratch, "package-"));
  const members = entry.files.map((name) => `package/${name}`);
  execFileSync("tar", ["-xzf", fetchPackage(entry, scratch), "-C", unpacked, ...members]);
  const folder = join(TARGET, entry.folder);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of entry.files) copyFileSync(join(unpacked, "package", name), join(folder, name.split("/").at(-1)));
}

const scratch = mkdtempSync(join(tmpdir(), "vendor-"));
try {
  for (const entry of PACKAGES) install(entry, scratch);
  // Newer than this script: nothing is left to do (the Makefile compares the two).
  writeFileSync(join(TARGET, ".stamp"), PACKAGES.map(({ spec }) => `${spec}\n`).join(""));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
