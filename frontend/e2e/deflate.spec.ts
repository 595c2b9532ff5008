import { composer, message, send } from "./support/app";
import { expect, test } from "./support/fixtures";
import { startServer } from "./support/server";
import { World } from "./support/world";

test("Chromium reads events that are compressed once for everyone", async ({ browser }, info) => {
  const server = await startServer({ WS_DEFLATE: "1" });
  const world = new World(server.url, browser, { locale: "en" }, info.parallelIndex);
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  const [anas, bens] = [await world.open(ana, `/t/${thread.id}`), await world.open(ben, `/t/${thread.id}`)];

  const cdp = await bens.context().newCDPSession(bens);
  await cdp.send("Network.enable");
  const answered = new Promise<string | undefined>((resolve) => {
    cdp.on("Network.webSocketHandshakeResponseReceived", ({ response }) => {
      const names = Object.keys(response.headers);
      const name = names.find((key) => key.toLowerCase() === "sec-websocket-extensions");
      resolve(name && response.headers[name]);
    });
  });
  await bens.reload();
  expect(await answered).toBe("permessage-deflate; server_no_context_takeover; client_no_context_takeover");

  await expect(composer(bens)).toBeVisible();
  const long = `Beginning. ${"The same sentence again. ".repeat(120)}End.`;
  await send(anas, long);
  await expect(message(bens, "Beginning.")).toContainText("End.");
  await send(bens, "Short, and uncompressed");
  await expect(message(anas, "Short, and uncompressed")).toBeVisible();
  await send(bens, `Back. ${long}`);
  await expect(message(anas, "Back.")).toContainText("End.");

  await Promise.all(browser.contexts().map((context) => context.close()));
  await server.stop();
});
