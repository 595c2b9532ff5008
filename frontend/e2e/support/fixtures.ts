import { type BrowserContextOptions, test as base } from "@playwright/test";
import { type RunningServer, startServer } from "./server";
import { World } from "./world";

interface TestFixtures {
  /** People, threads and browsers on the worker's server. */
  readonly world: World;
  /** The same on a server of the test's own, which it may kill. */
  readonly fragile: { readonly server: RunningServer; readonly world: World };
}

/** The options of the config's `use` that a context of our own should have as well. */
function contextOptions(options: BrowserContextOptions): BrowserContextOptions {
  const { locale, timezoneId, viewport, colorScheme } = options;
  return { locale, timezoneId, viewport, colorScheme };
}

export const test = base.extend<TestFixtures, { readonly shared: RunningServer }>({
  shared: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what is taken from the pattern.
    async ({}, use) => {
      const server = await startServer();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],

  baseURL: async ({ shared }, use) => use(shared.url),

  world: async ({ shared, browser, locale, timezoneId, viewport, colorScheme }, use, info) => {
    const options = contextOptions({ locale, timezoneId, viewport, colorScheme });
    await use(new World(shared.url, browser, options, info.parallelIndex));
    await Promise.all(browser.contexts().map((context) => context.close()));
  },

  fragile: async ({ browser, locale, timezoneId, viewport, colorScheme }, use, info) => {
    const server = await startServer();
    const options = contextOptions({ locale, timezoneId, viewport, colorScheme });
    await use({ server, world: new World(server.url, browser, options, info.parallelIndex) });
    await Promise.all(browser.contexts().map((context) => context.close()));
    await server.stop();
  },
});

export { expect } from "@playwright/test";
