import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import type { PushState } from "../../hooks";
import { renderIn } from "../common/testHarness";
import { NotificationSettings } from "./NotificationSettings";

function show(pushState: PushState, sound: boolean | null = true) {
  const onPushChange = vi.fn();
  renderIn(
    <NotificationSettings sound={sound} onSoundChange={vi.fn()} pushState={pushState} onPushChange={onPushChange} />,
  );
  return { onPushChange, push: screen.getByRole("switch", { name: "Notifications on this device" }) };
}

describe("pushes", () => {
  it.each([
    ["off", false, true],
    ["on", true, false],
  ] as const)("that are %s can be changed", async (state, checked, wanted) => {
    const { push, onPushChange } = show(state);
    if (checked) expect(push).toBeChecked();
    else expect(push).not.toBeChecked();
    await userEvent.click(push);
    expect(onPushChange).toHaveBeenCalledExactlyOnceWith(wanted);
  });

  it.each([
    ["unsupported", "This browser has no notifications."],
    ["denied", "You have blocked them."],
    ["unavailable", "This server sends no notifications"],
  ] as const)("that are %s cannot, and say why", (state, reason) => {
    const { push } = show(state);
    expect(push).toBeDisabled();
    expect(push).toHaveAccessibleDescription(expect.stringContaining(reason));
  });
});

it("sound waits for the settings", () => {
  show("off", null);
  expect(screen.getByRole("switch", { name: "Sound" })).toBeDisabled();
});
