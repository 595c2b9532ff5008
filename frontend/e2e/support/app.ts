import { expect, type Locator, type Page } from "@playwright/test";

/** The parts of the app as its users find them: by role and name. In English. */
export const inbox = (page: Page): Locator => page.getByRole("region", { name: "Conversations" });
export const row = (page: Page, name: string): Locator =>
  inbox(page).getByRole("listitem").getByRole("button", { name });
export const composer = (page: Page): Locator => page.getByRole("textbox", { name: /^Message to / });
export const log = (page: Page): Locator => page.getByRole("log");
export const message = (page: Page, text: string): Locator => page.getByRole("article").filter({ hasText: text });
export const bell = (page: Page): Locator => page.getByRole("button", { name: /^Notifications/ });

/** Opens a thread from the inbox. */
export async function openThread(page: Page, name: string): Promise<void> {
  await row(page, name).click();
  await expect(composer(page)).toBeVisible();
}

/** Writes and sends with the Enter key. */
export async function send(page: Page, text: string): Promise<void> {
  await composer(page).fill(text);
  await composer(page).press("Enter");
}

/** Waits until the page is connected. */
export async function untilOnline(page: Page): Promise<void> {
  await expect(page.getByRole("banner").getByText("Connected", { exact: true })).toBeAttached();
}
