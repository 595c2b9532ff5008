import { composer, inbox, message, openThread, row, send } from "./support/app";
import { expect, test } from "./support/fixtures";

test("a message arrives, with typing before it and ticks after it", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  const [anas, bens] = [await world.open(ana, `/t/${thread.id}`), await world.open(ben)];

  await expect(row(bens, "Ana Ruiz")).toBeVisible();
  await composer(anas).pressSequentially("Is Thursday");
  await expect(row(bens, "Ana Ruiz")).toContainText("typing…");
  await composer(anas).pressSequentially(" fine?");
  await composer(anas).press("Enter");
  const sent = message(anas, "Is Thursday fine?");
  await expect(sent).toContainText("Delivered");
  await expect(row(bens, "Ana Ruiz")).toContainText("Is Thursday fine?");
  await expect(row(bens, "Ana Ruiz")).toContainText("1 unread message");
  await expect(bens).toHaveTitle("(1) VeriHome");

  await openThread(bens, "Ana Ruiz");
  await expect(message(bens, "Is Thursday fine?")).toBeVisible();
  await expect(sent).toContainText("Read");
  await expect(bens).toHaveTitle("Ana Ruiz · VeriHome");
  await composer(bens).pressSequentially("Yes");
  await expect(anas.getByText("Ben Ortega is typing…")).toBeVisible();
  await composer(bens).press("Enter");
  await expect(message(anas, "Yes")).toBeVisible();
  await expect(anas.getByText("Ben Ortega is typing…")).toHaveCount(0);
});

test("ticks tell that nobody was there, then that the device got it", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  const anas = await world.open(ana, `/t/${thread.id}`);
  await send(anas, "Hello");
  await expect(message(anas, "Hello")).toContainText("Sent");
  await world.open(ben);
  await expect(message(anas, "Hello")).toContainText("Delivered");
});

test("who is there is shown, and when someone was there last", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  const anas = await world.open(ana, `/t/${thread.id}`);
  const status = anas
    .getByRole("region", { name: "Ben Ortega" })
    .getByRole("banner")
    .or(anas.getByRole("region", { name: "Ben Ortega" }).locator("header"));
  await expect(status).toContainText("offline");
  const bens = await world.open(ben);
  await expect(status).toContainText("online");
  await bens.context().close();
  await expect(status).toContainText(/last seen today at \d\d:\d\d/);
});

test("a new conversation is found by name and opened for both", async ({ world }) => {
  const [ana, ben, eve] = await world.people("Ana Ruiz", "Benjamín Ortega", "Eva Soler");
  await world.thread([ana, eve]);
  const anas = await world.open(ana);
  const bens = await world.open(ben);
  await inbox(anas).getByRole("button", { name: "New conversation" }).click();
  const dialog = anas.getByRole("dialog", { name: "New conversation" });
  await dialog.getByLabel("Search people").fill("benjamin");
  await dialog.getByRole("option", { name: "Benjamín Ortega" }).first().click();
  await dialog.getByRole("button", { name: "Open conversation" }).click();
  await expect(dialog).toHaveCount(0);
  await expect(anas).toHaveURL(/\/t\/\w+/);
  await send(anas, "Nice to meet you");
  await openThread(bens, "Ana Ruiz");
  await expect(message(bens, "Nice to meet you")).toBeVisible();
});

test("a link to a message opens around it, and leads back to the latest", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const thread = await world.thread([ana, ben]);
  for (let count = 1; count <= 150; count += 1) await world.say(thread, ben, `Message number ${count}.`);
  const page = await world.open(ana, `/t/${thread.id}?message=20`);
  await expect(message(page, "Message number 20.")).toBeInViewport();
  await expect(message(page, "Message number 150.")).toHaveCount(0);
  await page.getByRole("button", { name: /Jump to the latest/ }).click();
  await expect(message(page, "Message number 150.")).toBeInViewport();
  await expect(page.getByRole("button", { name: /Jump to the latest/ })).toHaveCount(0);
});

test("the browser's back button and the details", async ({ world }) => {
  const [ana, ben] = await world.people("Ana Ruiz", "Ben Ortega");
  const subject = {
    type: "property",
    id: "p1",
    title: "Flat in Calle Mayor 12",
    url: "https://example.com/p1",
    image_url: null,
  };
  await world.thread([ana, ben], { subject });
  const page = await world.open(ana);
  await openThread(page, "Ben Ortega");
  await page.getByRole("button", { name: "Conversation details" }).click();
  const details = page
    .getByRole("complementary", { name: "Details" })
    .or(page.getByRole("dialog", { name: "Details" }));
  await expect(details).toContainText("Flat in Calle Mayor 12");
  await expect(details.getByRole("link", { name: /View page/ })).toHaveAttribute("rel", /noopener/);
  // Away from what may have come to lie under the pointer: Esc would only put away its tooltip.
  await page.mouse.move(1, 1);
  await page.keyboard.press("Escape");
  await expect(details).toHaveCount(0);
  await page.goBack();
  await expect(page).toHaveURL(/\/$/);
  await expect(page.getByText("Your conversations")).toBeVisible();
  await page.goForward();
  await expect(composer(page)).toBeVisible();
});
