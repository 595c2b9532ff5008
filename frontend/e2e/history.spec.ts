import { once } from "node:events";
import type { Page } from "@playwright/test";
import { WebSocket } from "ws";
import type { Thread } from "../src/types/generated/contract";
import { log, message } from "./support/app";
import { expect, test } from "./support/fixtures";
import type { Person, World } from "./support/world";

const COUNT = 10_000;
const AT_ONCE = 500;
const LAG_MS = 200;

function textOf(number: number): string {
  if (number % 7 > 0) return `Number ${number}.`;
  return `A longer message, number ${number}. ${"It goes on. ".repeat((number % 5) * 6)}`;
}

/** Writes the numbers from `first`, every second one, on a connection of the person's own. */
async function write(world: World, thread: Thread, person: Person, first: number): Promise<void> {
  const socket = new WebSocket(`${world.url.replace("http", "ws")}/ws/messaging/`, ["bearer", person.token]);
  await once(socket, "open");
  let next = first;
  let waiting = 0;
  await new Promise<void>((resolve, reject) => {
    const send = () => {
      for (; waiting < AT_ONCE && next <= COUNT; waiting += 1, next += 2) {
        socket.send(JSON.stringify({ type: "send_message", thread_id: thread.id, content: textOf(next), ref: next }));
      }
      if (waiting === 0) resolve();
    };
    socket.on("message", (frame) => {
      const { type, ok, error } = JSON.parse(String(frame));
      if (type !== "ack") return;
      if (!ok) reject(new Error(error.message));
      waiting -= 1;
      send();
    });
    send();
  });
  socket.close();
}

async function fill(world: World, [ana, ben]: readonly [Person, Person]): Promise<Thread> {
  const thread = await world.thread([ana, ben]);
  await Promise.all([write(world, thread, ana, 1), write(world, thread, ben, 2)]);
  await world.read(thread, ana);
  return thread;
}

/** Older pages take a while, so that there is a moment before one comes, and one after. */
async function slowDown(page: Page): Promise<void> {
  await page.routeWebSocket(/socket\.io/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((frame) => setTimeout(() => socket.send(frame), LAG_MS));
  });
}

/** Prints how long it takes from an action until a message is in sight: a record, not a condition. */
async function record(page: Page, what: string, text: string, act: () => Promise<unknown>): Promise<void> {
  const begin = Date.now();
  await act();
  await expect(message(page, text)).toBeInViewport();
  console.log(`first message visible, ${COUNT} in history, ${what}: ${Date.now() - begin} ms`);
}

test("ten thousand messages: opens at the end, scrolls both ways without a jump, and comes back", async ({ world }) => {
  test.setTimeout(120_000);
  const people = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await fill(world, people);
  const last = (await world.history(thread, people[0])).at(-1)?.content.slice(0, 30) ?? "";
  const page = await world.open(people[0]);
  const inInbox = page.getByRole("listitem").getByRole("button", { name: "Ben Ortega" });
  await expect(inInbox).toBeVisible();
  await record(page, "from the inbox", last, () => inInbox.click());
  await record(page, "the whole app anew", last, () => page.reload());
  await slowDown(page);
  await page.reload();
  await expect(message(page, last)).toBeInViewport();
  expect(await page.getByRole("article").count()).toBeLessThan(100);

  for (let pageCount = 0; pageCount < 3; pageCount += 1) await scrollPastAPage(page, "up");
  await page.getByRole("button", { name: /Jump to the latest/ }).click();
  await expect(message(page, last)).toBeInViewport();

  await page.goto(`/t/${thread.id}?message=${COUNT / 2}`);
  await expect(page.getByText("Loading messages")).toHaveCount(0);
  await expect(page.getByRole("article").first()).toBeVisible();
  for (let pageCount = 0; pageCount < 3; pageCount += 1) await scrollPastAPage(page, "down");
  for (let pageCount = 0; pageCount < 3; pageCount += 1) await scrollPastAPage(page, "up");
});

/** Goes to an end of what is loaded, and watches a message there while another page comes. */
async function scrollPastAPage(page: Page, way: "up" | "down"): Promise<void> {
  await settle(page);
  const before = await log(page).evaluate(async (element, isUp) => {
    element.scrollTop = isUp ? 0 : element.scrollHeight;
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
    const { top, bottom } = element.getBoundingClientRect();
    const inSight = [...element.querySelectorAll("article")].filter((one) => {
      const place = one.getBoundingClientRect();
      return place.top > top + 40 && place.bottom < bottom - 40;
    });
    const watched = isUp ? inSight[0] : inSight.at(-1);
    return {
      text: watched?.textContent?.match(/number \d+\./i)?.[0] ?? "",
      top: watched?.getBoundingClientRect().top ?? Number.NaN,
      height: element.scrollHeight,
    };
  }, way === "up");
  expect(before.text).not.toBe("");
  await expect.poll(() => log(page).evaluate((element) => element.scrollHeight)).toBeGreaterThan(before.height + 500);
  await settle(page);
  const after = await message(page, before.text).first().boundingBox();
  expect(Math.abs((after?.y ?? Number.NaN) - before.top)).toBeLessThanOrEqual(2);
}

/** Until nothing has moved for a few frames. */
function settle(page: Page): Promise<void> {
  return log(page).evaluate(
    (element) =>
      new Promise<void>((resolve) => {
        let last = "";
        let still = 0;
        const look = () => {
          const now = `${element.scrollTop} ${element.scrollHeight}`;
          still = now === last ? still + 1 : 0;
          last = now;
          if (still > 10) resolve();
          else requestAnimationFrame(look);
        };
        look();
      }),
  );
}
