import { describe, expect, it } from "vitest";
import { localTarget } from "./target";

describe("where a login leads", () => {
  it.each([
    ["/tokens", "/tokens"],
    ["/ui/servers/a?x=1", "/servers/a?x=1"],
    ["/ui", "/"],
    ["/uikit", "/uikit"],
    [undefined, "/"],
  ])("%j leads to %s", (next, target) => expect(localTarget(next)).toBe(target));

  it.each([
    "//evil.example",
    "https://evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
  ])("never leads to another site: %j", (next) => expect(localTarget(next)).toBe("/"));
});
