import { describe, expect, it } from "vitest";
import { app } from "./texts";

function shapeOf(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [`${path}: ${typeof value}`];
  return Object.entries(value).flatMap(([key, inner]) => shapeOf(inner, `${path}.${key}`));
}

function textsOf(value: unknown): unknown[] {
  if (typeof value === "function") return [value("X")];
  if (typeof value !== "object" || value === null) return [value];
  return Object.values(value).flatMap(textsOf);
}

describe("texts", () => {
  it("are the same in both languages, as to what there is", () => {
    expect(shapeOf(app.en).sort()).toEqual(shapeOf(app.es).sort());
  });

  it.each(["es", "en"] as const)("none is empty in %s", (locale) => {
    for (const text of textsOf(app[locale])) expect(text).toMatch(/\S/);
  });

  it("are translated", () => {
    const same = textsOf(app.es).filter((text) => textsOf(app.en).includes(text));
    expect(same).toEqual(["VeriHome", "Español", "English"]);
  });
});
