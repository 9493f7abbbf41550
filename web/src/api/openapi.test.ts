import { describe, expect, it } from "vitest";
import snapshot from "../../openapi.json";
import { groupsOf, METHODS, type OpenApi, resolve, typeLabel } from "./openapi";

const document = snapshot as unknown as OpenApi;

describe("OpenAPI document", () => {
  it("shows every operation of the snapshot exactly once", () => {
    const operations = Object.values(document.paths).flatMap((item) =>
      METHODS.filter((method) => item[method]),
    );
    const shown = groupsOf(document).flatMap((group) => group.endpoints);
    expect(shown).toHaveLength(operations.length);
    expect(new Set(shown.map(({ id }) => id)).size).toBe(shown.length);
  });

  it("finds the schema behind every reference of the snapshot", () => {
    const names = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)].map(
      (match) => match[1],
    );
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      expect(resolve({ $ref: `#/components/schemas/${name}` }, document).schema).not.toEqual({});
    }
  });

  it("names types in a few words", () => {
    expect(typeLabel({ type: ["string", "null"], format: "date-time" })).toBe("string (date-time) or null");
    expect(typeLabel({ type: "array", items: { $ref: "#/components/schemas/Tool" } })).toBe("Tool[]");
    expect(typeLabel({ type: "object", additionalProperties: { type: "string" } })).toBe("map of string");
    expect(typeLabel({ oneOf: [{ $ref: "#/components/schemas/UpstreamTls" }, { type: "null" }] })).toBe(
      "UpstreamTls or null",
    );
    expect(typeLabel(undefined)).toBe("any");
  });
});
