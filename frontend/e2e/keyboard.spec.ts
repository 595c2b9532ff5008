import type { Locator, Page } from "@playwright/test";
import { bell, composer, log, message, refuseSends, row } from "./support/app";
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
  const seen = new Set<string>();
  for (let count = 0; count < 40; count += 1) {
    await page.keyboard.press("Tab");
    const focused = await focusedName(page);
    seen.add(focused);
    if (name.test(focused)) {
      await expect(page.locator(":focus")).toBeInViewport();
      return;
    }
  }
  throw new Error(`Tab never came to ${name}, but to ${[...seen].join(", ")}`);
}

const isFocused = (part: Locator): Promise<boolean> => part.evaluate((element) => element === document.activeElement);

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

test("a conversation is opened, read, written in and looked at with the keyboard alone", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Rosalía Quesada");
  const thread = await world.thread([ana, ben]);
  for (let count = 1; count <= 60; count += 1) await world.say(thread, ben, `Message number ${count}.`);
  await world.read(thread, ana);
  const page = await world.open(ana);
  await expect(row(page, "Rosalía Quesada")).toBeVisible();

  await press(page, "n");
  await expect(page.getByRole("combobox", { name: "Search people" })).toBeFocused();
  await page.keyboard.type("rosalia");
  await expect(page.getByRole("option")).toHaveCount(1);
  await press(page, "ArrowDown", "Enter");
  await tabTo(page, /^Open conversation$/);
  await press(page, "Enter");
  await expect(page).toHaveURL(new RegExp(`/t/${thread.id}`));
  await expect(message(page, "Message number 60.")).toBeInViewport();

  // The emoji picker: search, choose, and on in the text.
  await composer(page).focus();
  await page.keyboard.type("Fine ");
  await press(page, "Shift+Tab", "Enter");
  await expect(page.getByRole("dialog").getByRole("gridcell").first()).toBeVisible();
  await page.keyboard.type("house");
  await expect(page.getByRole("dialog").getByRole("gridcell").first()).toBeVisible();
  // It stays for more than one.
  await press(page, "ArrowDown", "Enter", "Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(composer(page)).toBeFocused();
  await expect(composer(page)).toHaveValue(/^Fine \p{Extended_Pictographic}/u);
  await press(page, "Shift+Enter");
  await page.keyboard.type("and a second line");
  await press(page, "Enter");
  await expect(message(page, "and a second line")).toBeVisible();

  // The history: it has the focus, its keys, and a way back.
  for (let count = 0; count < 10 && !(await isFocused(log(page))); count += 1) await press(page, "Shift+Tab");
  // Of what is loaded: another page comes, and the next time it is the first of all.
  await expect(async () => {
    await press(page, "Home");
    await expect(message(page, "Message number 1.").first()).toBeInViewport({ timeout: 1_000 });
  }).toPass();
  await press(page, "End");
  await expect(message(page, "and a second line")).toBeInViewport();

  // Details, and out of them.
  for (let count = 0; count < 10 && !/details/i.test(await focusedName(page)); count += 1)
    await press(page, "Shift+Tab");
  await press(page, "Enter");
  await expect(page.getByText("2 participants")).toBeVisible();
  // The first Esc is the tooltip's, if there is one.
  await expect(async () => {
    await press(page, "Escape");
    await expect(page.getByText("2 participants")).toHaveCount(0, { timeout: 1_000 });
  }).toPass();
});

test("notifications are filtered, read, cleared and brought back with the keyboard alone", async ({ world }) => {
  const [ana] = await world.people("Ana Ruiz");
  await world.notify(ana, { title: "Visit confirmed", message: "Thursday at 11:30." });
  await world.notify(ana, { title: "Sign today", message: "It ends tomorrow.", priority: "urgent" });
  const page = await world.open(ana);
  await expect(bell(page)).toHaveAccessibleName(/2/);
  await press(page, "b");
  const centre = page.getByRole("dialog", { name: "Notifications" });
  await expect(centre.getByRole("listitem")).toHaveCount(2);

  await tabTo(page, /^All/);
  await press(page, "ArrowRight", "ArrowRight");
  await expect(centre.getByRole("listitem")).toHaveCount(1);
  await press(page, "Home");
  await expect(centre.getByRole("listitem")).toHaveCount(2);
  await tabTo(page, /^Mark as read.*Sign today/);
  await press(page, "Enter");
  await expect(centre.getByRole("tab", { name: "Unread 1" })).toBeVisible();
  await tabTo(page, /^Clear.*Visit confirmed/);
  await press(page, "Enter");
  await expect(centre.getByRole("listitem")).toHaveCount(1);
  await tabTo(page, /^Undo/);
  await press(page, "Enter");
  await expect(centre.getByRole("listitem")).toHaveCount(2);
});

test("a message that was refused is tried again and given up with the keyboard alone", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  const page = await world.open(ana);
  await refuseSends(page);
  await page.goto(`/t/${thread.id}`);
  await page.reload();
  await composer(page).focus();
  await page.keyboard.type("Not for them");
  await press(page, "Enter");
  await expect(page.getByRole("button", { name: "Retry" })).toBeVisible();
  await press(page, "Shift+Tab", "Shift+Tab", "Shift+Tab");
  await expect(page.getByRole("button", { name: "Retry" })).toBeFocused();
  await press(page, "Enter");
  await expect(log(page)).toBeFocused();
  await expect(page.getByRole("button", { name: "Discard" })).toBeVisible();
  await press(page, "Tab", "Tab");
  await expect(page.getByRole("button", { name: "Discard" })).toBeFocused();
  await press(page, "Enter");
  await expect(message(page, "Not for them")).toHaveCount(0);
  await press(page, "Tab");
  await tabTo(page, /^Message to/);
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
