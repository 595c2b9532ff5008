import { composer, inbox, log, message, row, send } from "./support/app";
import { expect, test } from "./support/fixtures";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

test("a phone shows one pane at a time", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  await world.say(thread, ben, "Good morning");
  const page = await world.open(ana, "/", PHONE);
  await expect(composer(page)).toHaveCount(0);
  await row(page, "Ben Ortega").tap();
  await expect(message(page, "Good morning")).toBeVisible();
  await expect(inbox(page)).toBeHidden();
  await composer(page).fill("Good morning to you");
  await page.getByRole("button", { name: "Send" }).tap();
  await expect(message(page, "Good morning to you")).toBeInViewport();

  await page.getByRole("button", { name: "Conversation details" }).tap();
  await expect(page.getByRole("dialog", { name: "Details" })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("dialog", { name: "Details" })).toHaveCount(0);
  await expect(composer(page)).toBeVisible();
  await page.getByRole("button", { name: "Back to conversations" }).tap();
  await expect(inbox(page)).toBeVisible();
  await expect(composer(page)).toHaveCount(0);
  await expect(page).toHaveURL(/\/$/);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
});

test("nothing is cut off at 320 pixels, as at a zoom of 400%", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Maximiliano Fernández de Córdoba y Valenzuela");
  const thread = await world.thread([ana, ben]);
  await world.say(thread, ben, `https://example.com/${"a-very-long-address-".repeat(8)}`);
  const page = await world.open(ana, "/", { viewport: { width: 320, height: 640 } });
  for (const path of ["/", `/t/${thread.id}`, "/settings"]) {
    await page.goto(path);
    await expect(page.getByRole(path === "/" ? "region" : "main").first()).toBeVisible();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
  }
});

test("the theme follows the system, until one is chosen for this device", async ({ world }) => {
  const [ana] = await world.people("Ana Ruiz");
  const page = await world.open(ana, "/settings", { colorScheme: "dark" });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await expect.poll(background).toBe("rgb(14, 17, 19)");
  await page.getByRole("radio", { name: "Light" }).click();
  await expect.poll(background).toBe("rgb(243, 242, 238)");
  await page.reload();
  await expect.poll(background).toBe("rgb(243, 242, 238)");
  await page.getByRole("radio", { name: "System" }).click();
  await expect.poll(background).toBe("rgb(14, 17, 19)");
});

test("the language is the person's, on every device", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  await world.thread([ana, ben]);
  const page = await world.open(ana, "/settings");
  await page.getByRole("radio", { name: "Español" }).click();
  await expect(page.getByRole("heading", { name: "Ajustes" })).toBeVisible();
  await expect(page.getByText("Guardado")).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("lang", "es");
  const other = await world.open(ana);
  await expect(other.getByRole("region", { name: "Conversaciones" })).toBeVisible();
  await expect(other.getByRole("button", { name: "Notificaciones" })).toBeVisible();
});

test("what comes in while one reads further up does not move the text", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  for (let count = 1; count <= 60; count += 1) await world.say(thread, ben, `Message number ${count}.`);
  await world.read(thread, ana);
  const page = await world.open(ana, `/t/${thread.id}`);
  await expect(message(page, "Message number 60.")).toBeInViewport();
  await log(page).hover();
  await page.mouse.wheel(0, -900);
  await expect(page.getByRole("button", { name: /Jump to the latest/ })).toBeVisible();
  const read = message(page, "Message number 45.");
  const before = await read.boundingBox();
  await world.say(thread, ben, "Something new");
  await expect(page.getByRole("button", { name: /1 new message/ })).toBeVisible();
  expect((await read.boundingBox())?.y).toBe(before?.y);
  await send(page, "Here I am");
  await expect(message(page, "Here I am")).toBeInViewport();
});

test("the app can be installed", async ({ world }) => {
  const [ana] = await world.people("Ana Ruiz");
  const page = await world.open(ana);
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  const session = await page.context().newCDPSession(page);
  const { errors, url } = await session.send("Page.getAppManifest");
  expect({ errors, url }).toEqual({ errors: [], url: new URL("/manifest.webmanifest", page.url()).href });
  // A context of Playwright's is a private window; that is all that Chromium has against it.
  await expect
    .poll(async () =>
      (await session.send("Page.getInstallabilityErrors")).installabilityErrors.map((one) => one.errorId),
    )
    .toEqual(["in-incognito"]);
});
