import type { Page } from "@playwright/test";
import { bell, composer, message, row, said, send, untilOnline } from "./support/app";
import { expect, test } from "./support/fixtures";
import { startServer } from "./support/server";
import { World } from "./support/world";

/** How often the server dies while people write. */
const DEATHS = 3;
const KEY_MS = 25;
const SAID = /(Ana|Ben) says number \d+\./;
/** Socket.IO's event packets: "42/messaging,[...". */
const EVENT = /^42/;

test("a server that is killed loses and doubles nothing", async ({ fragile: { server, world } }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  const [anas, bens] = [await world.open(ana, `/t/${thread.id}`), await world.open(ben, `/t/${thread.id}`)];
  await send(anas, "before the crash");
  await expect(message(bens, "before the crash")).toBeVisible();
  await composer(bens).pressSequentially("a draft that");

  await server.kill();
  await expect(anas.getByText("No connection.")).toBeVisible();
  await expect(anas.getByText(/Trying again in \d+ s/)).toBeVisible();
  await send(anas, "from Ana, meanwhile");
  await expect(message(anas, "from Ana, meanwhile")).toContainText("Sending");
  await composer(bens).pressSequentially(" goes on");
  await composer(bens).press("Enter");
  await composer(bens).pressSequentially("half a thought");

  await server.restart();
  await expect(message(anas, "a draft that goes on")).toBeVisible({ timeout: 20_000 });
  await expect(message(bens, "from Ana, meanwhile")).toBeVisible({ timeout: 20_000 });
  await expect(message(anas, "from Ana, meanwhile")).toContainText(/Delivered|Read/);
  await expect(composer(bens)).toHaveValue("half a thought");
  await expect(anas.getByText("No connection.")).toHaveCount(0);
  const texts = (await world.history(thread, ana)).map(({ content }) => content);
  expect(texts.sort()).toEqual(["a draft that goes on", "before the crash", "from Ana, meanwhile"]);
  for (const page of [anas, bens]) await expect(page.getByRole("article")).toHaveCount(3);
});

/** Types and sends one message after the other until `isOver`, and begins one more. Returns what was sent. */
async function write(page: Page, name: string, isOver: () => boolean): Promise<string[]> {
  const texts: string[] = [];
  while (!isOver()) {
    const text = `${name} says number ${texts.length + 1}.`;
    await composer(page).pressSequentially(text, { delay: KEY_MS });
    await composer(page).press("Enter");
    texts.push(text);
  }
  await composer(page).pressSequentially(`${name} begins`, { delay: KEY_MS });
  return texts;
}

test("a server that dies again and again under two who write loses and doubles nothing, and keeps the order", async ({
  fragile: { server, world },
}, info) => {
  test.setTimeout(120_000);
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  const pages = [await world.open(ana, `/t/${thread.id}`), await world.open(ben, `/t/${thread.id}`)] as const;
  for (const page of pages) await untilOnline(page);

  let isOver = false;
  const writing = Promise.all([write(pages[0], "Ana", () => isOver), write(pages[1], "Ben", () => isOver)]);
  for (let death = 1; death <= DEATHS; death += 1) {
    const before = (await world.history(thread, ana)).length;
    await expect.poll(async () => (await world.history(thread, ana)).length).toBeGreaterThan(before + 2);
    await server.kill();
    for (const page of pages) await expect(page.getByText("No connection.")).toBeVisible();
    if (death === DEATHS) isOver = true;
    await server.restart();
    for (const page of pages) await untilOnline(page);
  }
  const [anas, bens] = await writing;
  info.annotations.push({ type: "written", description: `${anas.length} + ${bens.length}` });

  for (const page of pages) await expect(message(page, "Sending")).toHaveCount(0);
  await expect.poll(async () => (await world.history(thread, ana)).length).toBe(anas.length + bens.length);
  const stored = (await world.history(thread, ana)).map(({ content }) => content);
  expect(stored.filter((text) => text.startsWith("Ana"))).toEqual(anas);
  expect(stored.filter((text) => text.startsWith("Ben"))).toEqual(bens);
  for (const [index, page] of pages.entries()) {
    expect(await said(page, SAID)).toEqual(stored);
    await page.reload();
    await expect(composer(page)).toHaveValue(index === 0 ? "Ana begins" : "Ben begins");
  }
});

test("a connection that answers but tells nothing is found out within a heartbeat", async ({
  browser,
  locale,
}, info) => {
  const server = await startServer({ WEBSOCKET_HEARTBEAT_INTERVAL: "1" });
  const world = new World(server.url, browser, locale === undefined ? {} : { locale }, info.parallelIndex);
  const [ana, ben, eve] = await world.people("Ana Ruiz", "Ben Ortega", "Eva Soler");
  const thread = await world.thread([ana, ben]);
  const page = await world.open(ana);
  await page.routeWebSocket(/socket\.io/, (socket) => {
    const peer = socket.connectToServer();
    // The greetings have to pass: without them nothing begins.
    peer.onMessage((frame) => {
      if (!EVENT.test(String(frame)) || String(frame).includes("connection_established")) socket.send(frame);
    });
  });
  await page.goto(`/t/${thread.id}`);
  await page.reload();
  await untilOnline(page);

  await world.say(thread, ben, "Can you hear me?");
  await expect(message(page, "Can you hear me?")).toBeVisible();
  await world.thread([ana, eve]);
  await expect(row(page, "Eva Soler")).toBeVisible();
  await world.notify(ana, { title: "Visit confirmed", message: "Thursday at 11:30." });
  await expect(bell(page)).toHaveAccessibleName(/1/);

  await page.context().close();
  await server.stop();
});

test("a line tells quietly that others are heard late, as long as that is so", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  const page = await world.open(ana);
  let tell = (_event: string, _payload: unknown): void => {};
  await page.routeWebSocket(/socket\.io/, (socket) => {
    socket.connectToServer();
    tell = (event, payload) => socket.send(`42/messaging,${JSON.stringify([event, payload])}`);
  });
  await page.goto(`/t/${thread.id}`);
  await page.reload();
  await untilOnline(page);
  const line = page.getByRole("status").filter({ hasText: "Messages may arrive with some delay." });
  tell("service_degraded", { reason: "cluster" });
  await expect(line).toBeVisible();
  await send(page, "All the same");
  await expect(message(page, "All the same")).toContainText("Sent");
  tell("service_restored", {});
  await expect(line).toHaveCount(0);
});

test("what is sent without network survives a reload and is delivered once", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  const page = await world.open(ana, `/t/${thread.id}`);
  await untilOnline(page);
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true);
  // Another visit, through the worker: from now on it holds all that the page needs.
  await page.reload();
  await expect(page.getByText("Write the first message")).toBeVisible();

  await page.context().setOffline(true);
  await send(page, "written in a tunnel");
  await expect(message(page, "written in a tunnel")).toContainText("Sending");
  await page.reload();
  await expect(message(page, "written in a tunnel")).toContainText("Sending");
  await send(page, "and after a reload");
  await expect(message(page, "and after a reload")).toContainText("Sending");
  await page.context().setOffline(false);
  const texts = ["written in a tunnel", "and after a reload"];
  for (const text of texts) await expect(message(page, text)).toContainText("Sent", { timeout: 20_000 });
  await page.reload();
  for (const text of texts) await expect(message(page, text)).toHaveCount(1);
  expect((await world.history(thread, ben)).map(({ content }) => content)).toEqual(texts);
});

test("a draft is kept for its conversation", async ({ world }) => {
  const [ana, ben, eve] = await world.people("Ana Ruiz", "Ben Ortega", "Eva Soler");
  await world.thread([ana, ben]);
  await world.thread([ana, eve]);
  const page = await world.open(ana);
  await row(page, "Ben Ortega").click();
  await composer(page).fill("to be continued");
  await row(page, "Eva Soler").click();
  await expect(composer(page)).toHaveValue("");
  await row(page, "Ben Ortega").click();
  await expect(composer(page)).toHaveValue("to be continued");
  await page.reload();
  await expect(composer(page)).toHaveValue("to be continued");
});
