import { describe, expect, it } from "vitest";
import { pathFromName, pathProblem } from "./path";

describe("path from a name", () => {
  it.each([
    ["Current Time", "/current-time"],
    ["  Zürich Wetter (EU)  ", "/zurich-wetter-eu"],
    ["v1.2_beta", "/v1.2_beta"],
    ["..", ""],
    ["日本語", ""],
    ["", ""],
    ["a".repeat(90), `/${"a".repeat(64)}`],
  ])("%j gives %j", (name, path) => expect(pathFromName(name)).toBe(path));

  it("gives a path that is allowed, or none", () => {
    for (const name of ["Mein Server!", "---x---", "a/b/c", "\u202Eevil", "50% off"]) {
      const path = pathFromName(name);
      expect(pathProblem(path)).toBe(null);
    }
  });
});

describe("path rules", () => {
  it.each(["/currenttime", "/currenttime/", "/team/time", "/A-b_c.d", "/apis", "/mcp/tools"])(
    "accepts %s",
    (path) => expect(pathProblem(path)).toBe(null),
  );

  it.each([
    "",
    "x",
    "/",
    "//",
    "/a//b",
    "/a/../b",
    "/.",
    "/a b",
    "/ä",
    "/api",
    "/ui/x",
    "/.well-known/x",
    "/a/mcp",
    "/a/sse/",
  ])("refuses %j", (path) => expect(pathProblem(path)).not.toBe(null));
});
