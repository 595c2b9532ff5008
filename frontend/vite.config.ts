/// <reference types="vitest/config" />

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const OUT = "../server/static/app";

/** Beside each file of text its gzip, which the server's FileResponse picks for those who accept it. */
function compressed(): Plugin {
  let out = OUT;
  return {
    name: "compressed",
    apply: "build",
    configResolved(config) {
      out = config.build.outDir;
    },
    closeBundle() {
      for (const name of readdirSync(out, { recursive: true, encoding: "utf8" })) {
        if (!/\.(js|css|svg|json|webmanifest)$/.test(name)) continue;
        const bytes = readFileSync(join(out, name));
        if (bytes.length > 1024) writeFileSync(join(out, `${name}.gz`), gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

// Few chunks, for what is cut into many small ones compresses worse: 12 kB more. The first page's; the emoji picker's
// own, for who uses it; and all else that is loaded later, which the app fetches as soon as it has time.
const CHUNKS = {
  groups: [
    { name: "app", tags: ["$initial" as const], priority: 2 },
    { name: "emoji", test: /frimousse|EmojiPicker/, priority: 1, includeDependenciesRecursively: false },
    { name: "later" },
  ],
};

// The web app. Built into the Python package, which serves it at `/` and ships it in its wheel.
export default defineConfig({
  plugins: [react(), compressed()],
  // The server puts a new one in for every answer (server/routes/web_app.py).
  html: { cspNonce: "__CSP_NONCE__" },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2022",
    // An inlined data: URL would need a hole in the content security policy.
    assetsInlineLimit: 0,
    // Its inline polyfill would be refused by the policy, and every browser that we serve knows modulepreload.
    modulePreload: { polyfill: false },
    rolldownOptions: { output: { codeSplitting: CHUNKS } },
  },
  server: {
    // `npm run dev` beside `make run`.
    proxy: Object.fromEntries(
      ["/socket.io", "/ws", "/api", "/demo"].map((path) => [path, { target: "http://localhost:8000", ws: true }]),
    ),
  },
  test: {
    environment: "jsdom",
    pool: "threads",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/testing/setup.ts"],
    typecheck: { enabled: true, include: ["src/**/*.test-d.ts"] },
    restoreMocks: true,
  },
});
