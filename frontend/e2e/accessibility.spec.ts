import AxeBuilder from "@axe-core/playwright";
import type { BrowserContextOptions, Page } from "@playwright/test";
import { bell, composer, inbox, log, message, refuseSends } from "./support/app";
import { expect, test } from "./support/fixtures";
import type { Person, World } from "./support/world";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

const LOOKS: Readonly<Record<string, BrowserContextOptions>> = {
  desktop: {},
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
};

/** Fails with what is wrong and where. */
async function expectNothingFound(builder: AxeBuilder, state: string): Promise<void> {
  const { violations } = await builder.analyze();
  const found = violations.map(
    ({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map(({ html }) => html).join("\n  ")}`,
  );
  expect(found, state).toEqual([]);
}

/** Waits until nothing fades any more: half a transition has colours that nobody chose. */
async function settle(page: Page): Promise<void> {
  await page.evaluate(async () => {
    // A transition begins with the frame after its cause.
    for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
    const ending = document.getAnimations().filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity);
    await Promise.all(ending.map((animation) => animation.finished.catch(() => {})));
  });
}

/** Every rule in the light theme; in the dark one those about colours, for nothing else differs. */
async function check(page: Page, state: string): Promise<void> {
  await settle(page);
  await expectNothingFound(new AxeBuilder({ page }).withTags(TAGS), state);
  await page.emulateMedia({ colorScheme: "dark" });
  await settle(page);
  await expectNothingFound(
    new AxeBuilder({ page }).withRules(["color-contrast", "link-in-text-block"]),
    `${state}, dark`,
  );
  await page.emulateMedia({ colorScheme: "light" });
}

/** Closes what is open, and waits until it is gone and the focus is back. */
async function close(page: Page): Promise<void> {
  // The first Esc is the tooltip's, if there is one.
  await expect(async () => {
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0, { timeout: 2_000 });
  }).toPass();
}

async function furnish(world: World): Promise<{ ana: Person; path: string }> {
  const [ana, ben, eve] = await world.people("Ana Ruiz", "Ben Ortega", "Eva Soler");
  const subject = {
    type: "property",
    id: "p1",
    title: "Flat in Calle Mayor 12",
    url: "https://example.com/p1",
    image_url: null,
  };
  const thread = await world.thread([ana, ben], { subject });
  const group = await world.thread([ana, ben, eve], { title: "Neighbours" });
  await world.say(thread, ana, "Is the flat still free? See https://example.com/flat");
  await world.say(thread, ben, "It is 🙂");
  await world.say(group, eve, "The lift is being repaired.");
  await world.notify(ana, { title: "Visit confirmed", message: "Thursday at 11:30.", priority: "high" });
  await world.notify(ana, {
    title: "Sign today",
    message: "It ends tomorrow.",
    priority: "urgent",
    action_url: "/docs",
  });
  return { ana, path: `/t/${thread.id}` };
}

for (const [look, options] of Object.entries(LOOKS)) {
  test(`every page and state is accessible, light and dark: ${look}`, async ({ world, browser }) => {
    test.setTimeout(90_000);
    const { ana, path } = await furnish(world);
    const reduced: BrowserContextOptions = { ...options, reducedMotion: "reduce" };

    const context = await browser.newContext({ baseURL: world.url, locale: "en-GB", ...reduced });
    const guest = await context.newPage();
    await guest.goto("/");
    await expect(guest.getByRole("button", { name: "María García" })).toBeVisible();
    await check(guest, "sign-in");

    const page = await world.open(ana, "/", reduced);
    await expect(inbox(page).getByRole("listitem")).toHaveCount(2);
    await check(page, "inbox");

    await page.goto(path);
    await expect(message(page, "It is")).toBeVisible();
    await composer(page).fill("Then");
    await check(page, "chat");
    await page.getByRole("button", { name: "Emojis" }).click();
    await expect(page.getByRole("dialog").getByRole("gridcell").first()).toBeVisible();
    await check(page, "emoji picker");
    await close(page);
    await page.getByRole("button", { name: "Conversation details" }).click();
    await expect(page.getByText("View page")).toBeVisible();
    await check(page, "details");

    await page.goto("/");
    await bell(page).click();
    await expect(page.getByRole("dialog", { name: "Notifications" }).getByRole("listitem")).toHaveCount(2);
    await check(page, "notifications");
    await close(page);

    await page.keyboard.press("n");
    await expect(page.getByRole("dialog", { name: "New conversation" }).getByRole("option").first()).toBeVisible();
    await check(page, "new conversation");
    await close(page);

    await page.keyboard.press("?");
    await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
    await check(page, "shortcuts");
    await close(page);

    await page.goto("/settings");
    await expect(page.getByRole("switch", { name: "Sound" })).toBeVisible();
    await check(page, "settings");
  });
}

for (const [look, options] of Object.entries(LOOKS)) {
  test(`what is empty, missing or failing is accessible, light and dark: ${look}`, async ({ world }) => {
    test.setTimeout(90_000);
    const [eve, ben] = await world.people("Eva Soler", "Ben Ortega");
    const page = await world.open(eve, "/", { ...options, reducedMotion: "reduce" });
    await expect(page.getByText("No conversations yet")).toBeVisible();
    await check(page, "empty inbox");
    await bell(page).click();
    await expect(page.getByRole("dialog", { name: "Notifications" })).toBeVisible();
    await check(page, "no notifications");
    await close(page);
    await page.getByRole("button", { name: "Menu of Eva Soler" }).click();
    await expect(page.getByRole("menuitem", { name: "Sign out" })).toBeVisible();
    await check(page, "menu");
    await page.keyboard.press("Escape");
    await world.notify(eve, { title: "Sign today", message: "It ends tomorrow.", priority: "urgent" });
    await expect(page.getByText("It ends tomorrow.")).toBeVisible();
    await check(page, "toast");

    await page.goto("/t/of-nobody");
    await expect(page.getByText("This conversation does not exist")).toBeVisible();
    await check(page, "unknown conversation");
    const thread = await world.thread([eve, ben]);
    await page.goto(`/t/${thread.id}`);
    await expect(page.getByText("Write the first message")).toBeVisible();
    await check(page, "empty conversation");

    await refuseSends(page);
    await page.reload();
    await composer(page).fill("Not for them");
    await page.getByRole("button", { name: "Send" }).click();
    await expect(page.getByRole("button", { name: "Retry" })).toBeVisible();
    await check(page, "failed message");
  });
}

test("a person from another site is asked about accessibly", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const page = await world.open(ana);
  await expect(inbox(page)).toBeVisible();
  await page.evaluate((token) => {
    location.hash = `token=${token}`;
  }, ben.token);
  await expect(page.getByRole("heading", { name: "Sign in as Ben Ortega?" })).toBeVisible();
  await check(page, "other person");
});

test("a sign-in by token, and a page without a connection, are accessible", async ({ fragile: { server, world } }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  const page = await world.open(ana, `/t/${thread.id}`, { reducedMotion: "reduce" });
  const guest = await world.guest({ reducedMotion: "reduce" });
  // As a server without the demo answers.
  await guest.route("/demo/people", (route) => route.fulfill({ status: 404 }));
  await guest.goto("/");
  await guest.getByLabel("Access token").fill("not one");
  await guest.keyboard.press("Enter");
  await expect(guest.getByRole("alert")).toBeVisible();
  await check(guest, "sign-in by token");

  await expect(page.getByText("Write the first message")).toBeVisible();
  await server.kill();
  await expect(page.getByText("No connection.")).toBeVisible();
  await composer(page).fill("Later, then");
  await composer(page).press("Enter");
  await expect(message(page, "Later, then")).toContainText("Sending");
  await check(page, "no connection");
});

test("messages that arrive are announced, and a toast too", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  await world.say(thread, ben, "First");
  const page = await world.open(ana, `/t/${thread.id}`);
  await expect(message(page, "First")).toBeVisible();
  await world.say(thread, ben, "Second");
  await expect(page.locator('[aria-live="polite"]').filter({ hasText: "Ben Ortega: Second" })).toBeAttached();
  await expect(log(page)).toHaveAccessibleName("Messages with Ben Ortega");
});

test("nothing that the content security policy refuses is ever tried", async ({ world }) => {
  const { ana, path } = await furnish(world);
  const page = await world.open(ana);
  const refused: string[] = [];
  page.on("console", (entry) => {
    if (entry.type() === "error") refused.push(entry.text());
  });
  page.on("pageerror", (error) => refused.push(String(error)));
  await page.goto(path);
  await page.getByRole("button", { name: "Emojis" }).click();
  await expect(page.getByRole("dialog").getByRole("gridcell").first()).toBeVisible();
  await page.keyboard.press("Escape");
  await bell(page).click();
  await expect(page.getByRole("dialog", { name: "Notifications" })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Menu of Ana Ruiz" }).click();
  await page.getByRole("menuitem", { name: "Keyboard shortcuts" }).click();
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await page.keyboard.press("Escape");
  expect(refused).toEqual([]);
});
