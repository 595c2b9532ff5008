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

test("ten thousand messages: opens at the end, scrolls up without a jump, and comes back", async ({ world }, info) => {
  test.setTimeout(120_000);
  const people = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await fill(world, people);
  const page = await world.open(people[0]);
  await slowDown(page);
  await page.reload();
  await expect(page.getByRole("listitem").getByRole("button", { name: "Ben Ortega" })).toBeVisible();
  const last = (await world.history(thread, people[0])).at(-1)?.content.slice(0, 30) ?? "";
  const begin = Date.now();
  await page.getByRole("listitem").getByRole("button", { name: "Ben Ortega" }).click();
  await expect(message(page, last)).toBeInViewport();
  info.annotations.push({ type: "first message visible", description: `${Date.now() - begin} ms` });
  expect(await page.getByRole("article").count()).toBeLessThan(100);

  for (let pageCount = 0; pageCount < 3; pageCount += 1) await scrollPastAPage(page);
  await page.getByRole("button", { name: /Jump to the latest/ }).click();
  await expect(message(page, last)).toBeInViewport();
});

/** Goes to the top of what is loaded, and watches the topmost message while an older page comes. */
async function scrollPastAPage(page: Page): Promise<void> {
  const before = await log(page).evaluate(async (element) => {
    element.scrollTop = 0;
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
    const edge = element.getBoundingClientRect().top;
    const first = [...element.querySelectorAll("article")].find((one) => one.getBoundingClientRect().top > edge + 40);
    return {
      text: first?.textContent?.match(/number \d+\./i)?.[0] ?? "",
      top: first?.getBoundingClientRect().top ?? Number.NaN,
      height: element.scrollHeight,
    };
  });
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
