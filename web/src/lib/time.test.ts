import { describe, expect, it } from "vitest";
import { relativeTime } from "./time";

const now = Date.parse("2026-11-22T12:00:00Z");

describe("relative time", () => {
  it.each([
    ["2026-11-22T11:59:50Z", "just now"],
    ["2026-11-22T11:57:00Z", "3 minutes ago"],
    ["2026-11-21T11:00:00Z", "yesterday"],
    ["2026-11-22T19:59:59Z", "in 8 hours"],
    ["2026-11-22T12:00:30Z", "in less than a minute"],
    ["nonsense", ""],
    [null, ""],
  ])("%s reads %j", (iso, text) => expect(relativeTime(iso, now)).toBe(text));
});
