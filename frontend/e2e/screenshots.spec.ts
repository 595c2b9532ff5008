import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import type { Thread } from "../src/types/generated/contract";
import { bell, composer, log, message, row } from "./support/app";
import { expect, test } from "./support/fixtures";
import type { Person, World } from "./support/world";

// The README's pictures: `SCREENSHOTS=1 npm run e2e -- screenshots`.

const FOLDER = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
const CALM = { reducedMotion: "reduce", locale: "en-GB" } as const;

async function take(page: Page, name: string): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  await page.mouse.move(0, 0);
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
  await page.screenshot({ path: `${FOLDER}${name}.png`, animations: "disabled", caret: "hide" });
}

async function talk(world: World, thread: Thread, lines: readonly (readonly [Person, string])[]): Promise<void> {
  for (const [person, text] of lines) await world.say(thread, person, text);
}

/** A tenant's inbox on an ordinary day. */
async function furnish(world: World) {
  const people = await world.people("Sofía Navarro", "Daniel Vega", "Marta Iglesias", "Fontanería Ríos", "Pablo Serra");
  const [sofia, daniel, marta, plumber, pablo] = people;
  const about = (type: string, id: string, title: string) => ({
    subject: { type, id, title, url: `/properties/${id}`, image_url: null },
  });
  const contract = await world.thread([sofia, marta], about("contract", "2026-014", "Rental contract 2026"));
  await talk(world, contract, [
    [marta, "Good morning, Sofía. The contract is ready to sign."],
    [sofia, "Thank you! I will read it this evening."],
  ]);
  const tap = await world.thread([sofia, plumber], about("visit", "87", "Visit: kitchen tap"));
  await talk(world, tap, [
    [sofia, "Hello, the tap in the kitchen has been dripping since yesterday."],
    [plumber, "I can come on Thursday at 11:30. It will be about 45 €."],
  ]);
  const neighbours = await world.thread([sofia, daniel, marta, pablo], { title: "Neighbours of Calle Mayor 12" });
  await talk(world, neighbours, [
    [pablo, "The lift will be inspected on Thursday from 9 to 11."],
    [marta, "Thanks for telling us!"],
  ]);
  const flat = await world.thread(
    [sofia, daniel],
    about("property", "12-3b", "Flat in Calle Mayor 12, 3rd floor, Madrid"),
  );
  await talk(world, flat, [
    [daniel, "Hello Sofía, how was the first week in the flat?"],
    [sofia, "Very good! There is so much light, and the neighbours are lovely."],
    [daniel, "I am glad. Before the winter I would like to have the boiler checked."],
    [sofia, "Of course. Do I have to be there, or do you have a key?"],
    [daniel, "I have one, but I will write to you here before anybody comes."],
    [daniel, "Would Friday morning suit you?"],
    [sofia, "Friday is perfect. I leave at nine, so any time after that."],
    [sofia, "And thank you for taking care of it so quickly."],
  ]);
  for (const thread of [contract, flat]) await world.read(thread, sofia);
  await world.read(flat, daniel);
  await world.notify(sofia, { title: "Receipt available", message: "The receipt for November can be downloaded." });
  const visit = { title: "Visit confirmed", message: "Fontanería Ríos, Thursday at 11:30.", priority: "high" } as const;
  await world.notify(sofia, { ...visit, action_url: `/t/${tap.id}` });
  const sign = {
    title: "Signature pending",
    message: "Your contract ends its offer tomorrow.",
    priority: "urgent",
  } as const;
  await world.notify(sofia, { ...sign, action_url: `/t/${contract.id}` });
  return { sofia, daniel, path: `/t/${flat.id}` };
}

test("pictures for the README @screenshots", async ({ world }) => {
  test.setTimeout(90_000);
  const { sofia, daniel, path } = await furnish(world);
  await world.open(daniel, "/", CALM);

  const light = await world.open(sofia, `${path}?details=1`, { ...CALM, viewport: { width: 1440, height: 900 } });
  await expect(message(light, "taking care of it")).toBeVisible();
  await expect(light.getByText("View page")).toBeVisible();
  await expect(light.getByRole("region", { name: "Daniel Vega" }).locator("header")).toContainText("online");
  await take(light, "light");

  await light.emulateMedia({ colorScheme: "dark" });
  await expect
    .poll(() => light.evaluate(() => getComputedStyle(document.body).backgroundColor))
    .toBe("rgb(14, 17, 19)");
  await take(light, "dark");
  await light.emulateMedia({ colorScheme: "light" });

  await light.goto(path);
  await expect(log(light)).toBeVisible();
  await bell(light).click();
  await expect(light.getByRole("dialog", { name: "Notifications" }).getByRole("listitem")).toHaveCount(3);
  await take(light, "notifications");

  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
  const small = await world.open(sofia, "/", { ...CALM, ...phone });
  await row(small, "Daniel Vega").first().tap();
  await expect(composer(small)).toBeVisible();
  await expect(message(small, "taking care of it")).toBeVisible();
  await take(small, "phone");
});
