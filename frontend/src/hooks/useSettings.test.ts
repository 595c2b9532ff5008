import { act } from "@testing-library/react";
import { expect, it } from "vitest";
import { Failure } from "../services/failure";
import { someSettings } from "../testing/factories";
import { createFakeClient } from "../testing/fakeClient";
import { renderWith } from "./testHarness";
import { useSettings } from "./useSettings";

it("gives the settings, live", () => {
  const client = createFakeClient();
  const { result } = renderWith(client, useSettings);
  expect(result.current.settings).toBeNull();
  act(() => client.settings.set(someSettings({ sound: false })));
  expect(result.current.settings?.sound).toBe(false);
});

it("changes them, and hands a refusal to whoever asked", async () => {
  const client = createFakeClient({ settings: someSettings() });
  const { result } = renderWith(client, useSettings);
  await result.current.update({ locale: "en" });
  expect(client.settings.update).toHaveBeenCalledWith({ locale: "en" });
  client.settings.update.mockRejectedValueOnce(new Failure("internal", "No.", false));
  await expect(result.current.update({ sound: false })).rejects.toMatchObject({ code: "internal" });
});
