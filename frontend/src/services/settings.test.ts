// @vitest-environment node
import { beforeEach, expect, it } from "vitest";
import { someSettings } from "../testing/factories";
import { createFakeLine, type FakeLine } from "../testing/fakeLine";
import { Failure } from "./failure";
import { SettingsService } from "./settings";

let line: FakeLine;
let settings: SettingsService;
beforeEach(async () => {
  line = createFakeLine();
  line.answer("get_settings", () => someSettings());
  settings = new SettingsService(line);
  await settings.load();
});

it("shows a change at once, and then what the server made of it", async () => {
  line.answer("update_settings", () => someSettings({ sound: false, locale: "es" }));
  const update = settings.update({ sound: false });
  expect(settings.getSnapshot()).toEqual(someSettings({ sound: false }));
  await update;
  expect(settings.getSnapshot()).toEqual(someSettings({ sound: false, locale: "es" }));
});

it("undoes what the server refuses, and keeps other changes", async () => {
  line.answer("update_settings", (change) => {
    if (change.locale !== undefined) throw new Failure("invalid_payload", "No", false);
    return new Promise(() => {});
  });
  void settings.update({ sound: false });
  await expect(settings.update({ locale: "en" })).rejects.toMatchObject({ code: "invalid_payload" });
  expect(settings.getSnapshot()).toEqual(someSettings({ sound: false }));
});

it("follows other devices, with one's own changes on top until they are answered", () => {
  void settings.update({ sound: false });
  settings.hear({ settings: someSettings({ push_preview: false }) });
  expect(settings.getSnapshot()).toEqual(someSettings({ push_preview: false, sound: false }));
});
