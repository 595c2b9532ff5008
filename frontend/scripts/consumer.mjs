// Packs the library and uses the package in a project of its own (consumer/): it must install, type-check, build, and
// show its components in a browser, with nothing of this folder in reach. The code in the library's documents is
// type-checked there as well. Prints one line, or fails.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "@playwright/test";

const project = mkdtempSync(join(tmpdir(), "consumer-"));
const run = (cwd, command, ...args) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

const DOCUMENTS = { readme: "README.md", react: "../docs/clients/react.md" };
const CODE = /^```tsx?\n(.*?)^```$/gms;
const IMPORT = /^import \{([^}]*)\} from (".*?");$/gm;

/**
 * All code of a document as one module: its parts use what the ones before them imported and defined. What comes again,
 * also from another module, is imported under another name.
 */
function moduleOf(document) {
  const code = [...readFileSync(document, "utf8").matchAll(CODE)].map(([, block]) => block).join("\n");
  const known = new Set();
  let count = 0;
  return code.replaceAll(IMPORT, (_, names, from) => {
    const written = names.split(",").map((name) => name.trim());
    const imported = written.filter(Boolean).map((name) => {
      const again = known.has(name);
      known.add(name);
      return again ? `${name} as again${++count}` : name;
    });
    return `import { ${imported.join(", ")} } from ${from};`;
  });
}

async function showsComponents(url) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    const page = await browser.newPage();
    const failures = [];
    page.on("pageerror", (error) => failures.push(error.message));
    await page.goto(url);
    await page.locator("#status").waitFor({ timeout: 10_000 });
    await page.getByRole("searchbox").waitFor({ timeout: 10_000 });
    if (failures.length) throw new Error(failures.join("\n"));
  } finally {
    await browser.close();
  }
}

try {
  run(".", "npm", "run", "--silent", "build:lib");
  const tarball = run(".", "npm", "pack", "--silent", "--pack-destination", project).trim().split("\n").at(-1);
  cpSync("consumer", project, { recursive: true });
  for (const [name, document] of Object.entries(DOCUMENTS)) {
    writeFileSync(join(project, "src", `${name}.tsx`), moduleOf(document));
  }
  run(project, "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefer-offline", join(project, tarball));
  run(project, "npm", "run", "--silent", "types");
  run(project, "npm", "run", "--silent", "build");
  const { preview } = await import("vite");
  const server = await preview({ root: project, preview: { host: "127.0.0.1", port: 0 }, logLevel: "error" });
  try {
    await showsComponents(server.resolvedUrls.local[0]);
  } finally {
    await server.close();
  }
  console.log(`consumer: ${tarball} installs, type-checks, builds and renders`);
} finally {
  rmSync(project, { recursive: true, force: true });
}
