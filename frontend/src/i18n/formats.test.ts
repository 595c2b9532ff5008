import { describe, expect, it } from "vitest";
import { createFormats, daysBetween, regional } from "./formats";

const local = (text: string) => new Date(text).toISOString();
const NOW = new Date("2026-03-05T12:00:00");

describe("regional", () => {
  it("takes the browser's variety of the language, and no other language's", () => {
    expect(regional("en", ["es-ES", "en-GB", "en-US"])).toBe("en-GB");
    expect(regional("es", ["en-GB"])).toBe("es");
  });
});

describe("formats", () => {
  it("names days as near as they are", () => {
    const { day } = createFormats("en");
    expect(day(local("2026-03-05T00:01:00"), NOW)).toBe("Today");
    expect(day(local("2026-03-04T23:59:00"), NOW)).toBe("Yesterday");
    expect(day(local("2026-02-27T10:00:00"), NOW)).toBe("Friday");
    expect(day(local("2026-02-26T10:00:00"), NOW)).not.toContain("2026");
    expect(day(local("2025-03-05T10:00:00"), NOW)).toContain("2025");
  });

  it("speaks Spanish", () => {
    const { day, ago, list } = createFormats("es");
    expect(day(local("2026-03-04T10:00:00"), NOW)).toBe("Ayer");
    expect(ago(local("2026-03-05T11:55:00"), NOW)).toBe("hace 5 minutos");
    expect(list(["Ana", "Luis", "Eva"])).toBe("Ana, Luis y Eva");
  });

  it("counts calendar days, not spans of 24 hours", () => {
    expect(daysBetween(new Date("2026-03-04T23:59:00"), new Date("2026-03-05T00:01:00"))).toBe(1);
    expect(daysBetween(new Date("2026-03-05T00:01:00"), new Date("2026-03-05T23:59:00"))).toBe(0);
  });
});
