import type { Page } from "@playwright/test";
import { bell, composer, untilOnline } from "./support/app";
import { expect, test } from "./support/fixtures";

const drawer = (page: Page) => page.getByRole("dialog", { name: "Notifications" });

test("notifications arrive as toasts, and are kept, filtered, read and cleared in the centre", async ({ world }) => {
  const [ana] = await world.people("Ana Ruiz");
  await world.notify(ana, { title: "Receipt available", message: "The receipt of October." });
  const page = await world.open(ana);
  await expect(bell(page)).toHaveAccessibleName("Notifications, 1 unread");

  await world.notify(ana, { title: "Visit confirmed", message: "Thursday at 11:30.", priority: "high" });
  await expect(page.getByRole("listitem").filter({ hasText: "Visit confirmed" })).toBeVisible();
  await world.notify(ana, { title: "Sign today", message: "The contract ends tomorrow.", priority: "urgent" });
  await expect(page.getByRole("alert").filter({ hasText: "Sign today" })).toBeVisible();
  await expect(bell(page)).toHaveAccessibleName("Notifications, 3 unread");

  await bell(page).click();
  const centre = drawer(page);
  await expect(centre.getByRole("listitem")).toHaveCount(3);
  await centre.getByRole("button", { name: "Mark as read: Receipt available" }).click();
  await centre.getByRole("tab", { name: /Unread/ }).click();
  await expect(centre.getByRole("listitem")).toHaveCount(2);
  await centre.getByRole("tab", { name: "Urgent" }).click();
  await expect(centre.getByRole("listitem")).toHaveText(/Sign today/);
  await centre.getByRole("tab", { name: "All" }).click();
  await centre.getByRole("button", { name: "Clear: Receipt available" }).click();
  await expect(centre.getByRole("listitem")).toHaveCount(2);
  await centre.getByRole("button", { name: "Mark all as read" }).click();
  await page.keyboard.press("Escape");
  await expect(bell(page)).toHaveAccessibleName("Notifications");

  await page.reload();
  await bell(page).click();
  await expect(centre.getByRole("listitem")).toHaveCount(2);
});

test("a toast that comes over a dialog is dismissed alone", async ({ world }) => {
  const [ana] = await world.people("Ana Ruiz");
  const page = await world.open(ana);
  await untilOnline(page);
  await page.keyboard.press("n");
  const dialog = page.getByRole("dialog", { name: "New conversation" });
  await expect(dialog).toBeVisible();
  await world.notify(ana, { title: "Sign today", message: "The contract ends tomorrow.", priority: "urgent" });
  await page.getByRole("button", { name: "Dismiss alert: Sign today" }).click();
  await expect(page.getByRole("alert")).toHaveCount(0);
  await expect(dialog).toBeVisible();
});

test("what a notification leads to opens in the app, or in a tab of its own", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  const page = await world.open(ana);
  await untilOnline(page);
  await world.notify(ana, { title: "Answer Ben", message: "He waits.", action_url: `/t/${thread.id}` });
  await world.notify(ana, { title: "Your receipt", message: "As PDF.", action_url: "/docs" });
  await bell(page).click();
  const opened = page.context().waitForEvent("page");
  await drawer(page).getByRole("link", { name: "Your receipt" }).click();
  expect(new URL((await opened).url() || "about:blank").pathname).toMatch(/docs|blank/);
  await bell(page).click();
  await drawer(page).getByRole("link", { name: "Answer Ben" }).click();
  await expect(composer(page)).toBeVisible();
  await expect(page).toHaveURL(new RegExp(`/t/${thread.id}$`));
  await expect(drawer(page)).toHaveCount(0);
});

test("a person's other tab follows", async ({ world }) => {
  const [ana] = await world.people("Ana Ruiz");
  const [one, other] = [await world.open(ana), await world.open(ana)];
  await untilOnline(one);
  await untilOnline(other);
  await world.notify(ana, { title: "Receipt available", message: "The receipt of October." });
  await expect(bell(other)).toHaveAccessibleName("Notifications, 1 unread");
  await bell(one).click();
  await drawer(one).getByRole("button", { name: "Mark all as read" }).click();
  await expect(bell(other)).toHaveAccessibleName("Notifications");
});
