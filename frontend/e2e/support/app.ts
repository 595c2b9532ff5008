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

/**
 * What all loaded messages say, as far as it matches, in order. Only those in sight are in the page, so it scrolls from
 * the first to the last.
 */
export function said(page: Page, pattern: RegExp): Promise<string[]> {
  return log(page).evaluate(async (element, source) => {
    const byRow = new Map<number, string>();
    for (let top = 0; top < element.scrollHeight; top += element.clientHeight / 2) {
      element.scrollTop = top;
      for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
      for (const row of element.querySelectorAll<HTMLElement>("[data-index]")) {
        const text = row.querySelector("article")?.textContent?.match(new RegExp(source))?.[0];
        if (text !== undefined) byRow.set(Number(row.dataset.index), text);
      }
    }
    return [...byRow].sort(([one], [other]) => one - other).map(([, text]) => text);
  }, pattern.source);
}

/** Answers each message of the page as one that the server refuses for good. */
export async function refuseSends(page: Page): Promise<void> {
  await page.routeWebSocket(/socket\.io/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((frame) => {
      const id = /^42\/messaging,(\d+)\["send_message"/.exec(String(frame))?.[1];
      const error = { code: "forbidden", message: "Not here.", details: {}, retryable: false, request_id: "r1" };
      if (id === undefined) server.send(frame);
      else socket.send(`43/messaging,${id}${JSON.stringify([{ ok: false, error }])}`);
    });
  });
}
