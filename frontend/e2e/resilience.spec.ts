import { composer, message, row, send, untilOnline } from "./support/app";
import { expect, test } from "./support/fixtures";

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
  await expect(page.getByText("VeriHome").first()).toBeVisible();
  await page.context().setOffline(false);
  await expect(message(page, "written in a tunnel")).toContainText("Sent", { timeout: 20_000 });
  await page.reload();
  await expect(message(page, "written in a tunnel")).toHaveCount(1);
  expect((await world.history(thread, ben)).map(({ content }) => content)).toEqual(["written in a tunnel"]);
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
