import { inbox, row, untilOnline } from "./support/app";
import { expect, test } from "./support/fixtures";
import { tokenOf } from "./support/world";

test("one of the demo's people signs in, and is remembered only if asked to", async ({ page, context }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "María García" }).click();
  await untilOnline(page);
  await page.reload();
  await expect(inbox(page)).toBeVisible();

  const other = await context.newPage();
  await other.goto("/");
  await other.getByRole("checkbox", { name: /Remember me/ }).check();
  await other.getByRole("button", { name: "Juan Pérez" }).click();
  await untilOnline(other);
  const third = await context.newPage();
  await third.goto("/");
  await expect(third.getByRole("button", { name: "Menu of Juan Pérez" })).toBeVisible();

  await third.getByRole("button", { name: "Menu of Juan Pérez" }).click();
  await third.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(third.getByRole("heading", { name: "Who are you?" })).toBeVisible();
  await third.reload();
  await expect(third.getByRole("heading", { name: "Who are you?" })).toBeVisible();
});

test("a token in the address signs in, and does not stay there", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const page = await world.open(ana, "/settings");
  await expect(page.getByRole("heading", { name: "Settings" })).toBeVisible();
  expect(page.url()).not.toContain("token");

  await page.evaluate((token) => {
    location.hash = `token=${token}`;
  }, ben.token);
  await expect(page.getByRole("heading", { name: "Sign in as Ben Ortega?" })).toBeVisible();
  expect(page.url()).not.toContain("token");
  await page.getByRole("button", { name: "Stay as before" }).click();
  await expect(page.getByText("Signed in as Ana Ruiz")).toBeVisible();
});

test("a session that the server ends leads back to the sign-in, with the reason", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  await world.thread([ana, ben]);
  const page = await world.open(ana);
  await expect(row(page, "Ben Ortega")).toBeVisible();
  await world.api("POST", "/tokens/revoke", { user_id: ana.id, issued_before: new Date(Date.now() + 60_000) });
  await expect(page.getByRole("alert")).toContainText("Your session was ended elsewhere.", { timeout: 15_000 });
});

test("a token whose time is over is not taken", async ({ world, page }) => {
  await page.goto(`/#token=${tokenOf(1, "María García", -60)}`);
  await expect(page.getByRole("heading", { name: "Who are you?" })).toBeVisible();
  expect(world.url).toBeTruthy();
});
