import { describe, expect, it } from "vitest";
import { serverInfo } from "@/test/server";
import { definitionOf, emptyValues, patchOf, rebase, valuesOf } from "./values";

const rich = serverInfo({
  headers: [{ Authorization: "***" }, { "X-Team": "***" }],
  timeout: 30,
  tls: { ca: "PEM", insecure: false },
  metadata: { owner: "platform", tier: 1 },
});

describe("form values", () => {
  it("give back the definition they were read from", () => {
    const { path, server_name, headers, timeout, tls, metadata, tags, license } = rich;
    expect(definitionOf(valuesOf(rich))).toMatchObject({
      path,
      server_name,
      headers,
      timeout,
      tls,
      metadata,
      tags,
      license,
    });
  });

  it("become null or empty where nothing was typed", () => {
    const definition = definitionOf({
      ...emptyValues(),
      server_name: " X ",
      path: "/x",
      proxy_pass_url: " http://x ",
    });
    expect(definition).toMatchObject({
      server_name: "X",
      proxy_pass_url: "http://x",
      timeout: null,
      tls: null,
      mcp_endpoint: null,
      license: "N/A",
      metadata: {},
    });
  });

  it("never show a stored header value, and keep it unless it is replaced", () => {
    const values = valuesOf(rich);
    expect(values.headers.map(({ value }) => value)).toEqual(["", ""]);
    const [first, second] = values.headers;
    if (!first || !second) throw new Error("two headers");
    const definition = definitionOf({ ...values, headers: [{ ...first, value: "new" }, second] });
    expect(definition.headers).toEqual([{ Authorization: "new" }, { "X-Team": "***" }]);
  });
});

describe("patch", () => {
  it("is empty when nothing changed", () => {
    expect(patchOf(valuesOf(rich), valuesOf(rich))).toEqual({});
  });

  it("holds only what changed, and never the path", () => {
    const before = valuesOf(rich);
    expect(patchOf(before, { ...before, path: "/other", timeout: "", tags: [] })).toEqual({
      timeout: null,
      tags: [],
    });
  });

  it("names metadata that was removed, as a merge patch needs", () => {
    const before = valuesOf(rich);
    expect(patchOf(before, { ...before, metadata: '{"owner":"data"}' })).toEqual({
      metadata: { tier: null, owner: "data" },
    });
  });
});

describe("rebase", () => {
  it("puts the user's changes on top of somebody else's", () => {
    const before = valuesOf(serverInfo());
    const mine = { ...before, description: "mine" };
    const theirs = valuesOf(serverInfo({ description: "theirs", tags: ["new"] }));
    expect(rebase(before, mine, theirs)).toMatchObject({ description: "mine", tags: ["new"] });
  });
});
