import type { Page } from "@playwright/test";
import { composer, message, row } from "./support/app";
import { expect, test } from "./support/fixtures";

const press = (page: Page, ...keys: string[]) =>
  keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());

/** What has the focus is called. */
function focusedName(page: Page): Promise<string> {
  return page.evaluate(() => {
    const focused = document.activeElement;
    if (!focused || focused === document.body) return "";
    const labelled = focused.id ? document.querySelector(`label[for="${CSS.escape(focused.id)}"]`) : null;
    return focused.getAttribute("aria-label") ?? (labelled ?? focused).textContent ?? "";
  });
}

/** Tabs until something of this name has the focus, which is then in sight. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let count = 0; count < 40; count += 1) {
    await page.keyboard.press("Tab");
    if (name.test(await focusedName(page))) {
      await expect(page.locator(":focus")).toBeInViewport();
      return;
    }
  }
  throw new Error(`Tab never came to ${name}`);
}

test("everything can be done with the keyboard alone", async ({ page, world }) => {
  expect(world.url).toBeTruthy();
  await page.goto("/");
  await expect(page.getByRole("button", { name: "María García" })).toBeVisible();
  await tabTo(page, /María García/);
  await press(page, "Enter");
  await expect(page.getByRole("region", { name: "Conversations" })).toBeVisible();

  // To a thread by arrow keys, and writing.
  await expect(row(page, "Juan Pérez").first()).toBeVisible();
  await press(page, "/");
  await expect(page.getByRole("searchbox", { name: "Search conversations" })).toBeFocused();
  await page.keyboard.type("juan");
  await press(page, "ArrowDown", "Enter");
  await expect(composer(page)).toBeFocused();
  await page.keyboard.type("Written without a mouse");
  await press(page, "Enter");
  await expect(message(page, "Written without a mouse")).toBeVisible();

  // Shortcuts are text while one types, but not those with Alt.
  await page.keyboard.type("n?");
  await expect(composer(page)).toHaveValue("n?");
  await press(page, "Backspace", "Backspace");

  // Back to the inbox, and to the next conversation.
  await press(page, "Escape");
  await expect(page).toHaveURL(/\/$/);
  await expect(row(page, "Juan Pérez").first()).toBeFocused();
  await press(page, "Alt+ArrowDown");
  await expect(page).toHaveURL(/\/t\//);
  await press(page, "Escape");

  // Notifications, and back where one was.
  await tabTo(page, /^Notifications/);
  await press(page, "Enter");
  await expect(page.getByRole("dialog", { name: "Notifications" })).toBeVisible();
  await press(page, "Escape");
  await expect(page.getByRole("button", { name: /^Notifications/ })).toBeFocused();

  // Settings: a choice by arrow keys.
  await press(page, ",");
  await expect(page.getByRole("heading", { name: "Settings" })).toBeFocused();
  await tabTo(page, /Sound/);
  await press(page, "Space");
  await expect(page.getByText("Saved")).toBeVisible();
  await press(page, "Escape");
  await expect(page).toHaveURL(/\/$/);

  // Help, a new conversation, and out.
  await press(page, "?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await press(page, "Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await press(page, "n");
  await expect(page.getByRole("combobox", { name: "Search people" })).toBeFocused();
  await press(page, "Escape");
  await tabTo(page, /Menu of/);
  await press(page, "Enter", "End", "Enter");
  await expect(page.getByRole("heading", { name: "Who are you?" })).toBeVisible();
});

test("a link at the start skips the inbox", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  await world.thread([ana, ben]);
  const page = await world.open(ana);
  await expect(page.getByText("Your conversations")).toBeVisible();
  await press(page, "Tab");
  await expect(page.getByRole("button", { name: "Skip to content" })).toBeInViewport();
  await press(page, "Enter");
  await expect(page.getByRole("main")).toBeFocused();
});

test("shortcuts of a single key can be turned off", async ({ world }) => {
  const [ana] = await world.people("Ana Ruiz");
  const page = await world.open(ana, "/settings");
  await page.getByRole("switch", { name: "Single-key shortcuts" }).click();
  await press(page, "?");
  await press(page, "Control+k");
  await expect(page.getByRole("searchbox", { name: "Search conversations" })).toBeFocused();
  await expect(page.getByRole("dialog")).toHaveCount(0);
});
