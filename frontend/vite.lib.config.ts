import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import library from "./package.json" with { type: "json" };

const external = [...Object.keys(library.dependencies), ...Object.keys(library.peerDependencies)];

// The library `@verihome/realtime`: everything that it depends on stays outside, to be shared with the host's app.
export default defineConfig({
  plugins: [react()],
  publicDir: false,
  build: {
    outDir: "dist",
    target: "es2022",
    sourcemap: true,
    cssCodeSplit: false,
    lib: {
      entry: {
        // Where the compiler puts their declarations, which it then finds beside them.
        index: "src/index.ts",
        "services/index": "src/services/index.ts",
        "types/generated/contract": "src/types/generated/contract.ts",
      },
      formats: ["es"],
      cssFileName: "styles",
    },
    rollupOptions: {
      external: (id) => external.some((name) => id === name || id.startsWith(`${name}/`)),
    },
  },
});
