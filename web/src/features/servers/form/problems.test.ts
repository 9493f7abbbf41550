import { describe, expect, it } from "vitest";
import { pointerSegments, problemsFrom, problemsOf } from "./problems";
import { emptyValues, type FormValues } from "./values";

const valid: FormValues = { ...emptyValues(), server_name: "X", path: "/x", proxy_pass_url: "http://x/" };

describe("what the form can tell by itself", () => {
  it("finds nothing wrong with a plain server", () => {
    expect(problemsOf(valid, true)).toEqual({ fields: {}, others: [] });
  });

  it.each<[keyof FormValues, Partial<FormValues>]>([
    ["server_name", { server_name: "  " }],
    ["path", { path: "/api/x" }],
    ["proxy_pass_url", { proxy_pass_url: "ftp://x" }],
    ["supported_transports", { supported_transports: [] }],
    ["timeout", { timeout: "1.5" }],
    ["mcp_endpoint", { mcp_endpoint: "javascript:x" }],
    ["metadata", { metadata: "[1]" }],
    ["headers", { headers: [{ key: 0, name: "", value: "x", stored: false }] }],
    ["headers", { headers: [{ key: 0, name: "A", value: "", stored: false }] }],
  ])("objects to %s", (field, change) => {
    expect(Object.keys(problemsOf({ ...valid, ...change }, true).fields)).toEqual([field]);
  });

  it("objects to a header set twice in different spellings", () => {
    const headers = ["X-A", "x-a"].map((name, key) => ({ key, name, value: "v", stored: false }));
    expect(problemsOf({ ...valid, headers }, true).fields.headers).toBeDefined();
  });

  it("accepts a stored header without a new value, and an old path whatever it is", () => {
    const headers = [{ key: 0, name: "Authorization", value: "", stored: true }];
    expect(problemsOf({ ...valid, headers, path: "/api" }, false).fields).toEqual({});
  });
});

describe("what the registry objects to", () => {
  it("stands beside the field its pointer names", () => {
    const { fields, others } = problemsFrom([
      { field: "/proxy_pass_url", value: "x", rule: "must be an http or https URL" },
      { field: "/tags/2", value: "bad tag", rule: "must not hold spaces" },
      { field: "/headers/0/X~1Y", value: "***", rule: "is not a header name" },
      { field: "/headers/1", value: null, rule: "must have one name" },
      { field: "/tls/ca", value: "x", rule: "must be PEM" },
      { field: "/tls/insecure", value: 1, rule: "must be true or false" },
    ]);
    expect(others).toEqual([]);
    expect(fields).toEqual({
      proxy_pass_url: "Must be an http or https URL.",
      tags: "Tag “bad tag”: must not hold spaces.",
      headers: "Header “X/Y”: is not a header name. Header 2: must have one name.",
      tls_ca: "Must be PEM.",
      tls_insecure: "Must be true or false.",
    });
  });

  it("is not lost when no field on the page is meant", () => {
    const { fields, others } = problemsFrom([
      { field: "/visibility", value: "public", rule: "not supported; use public" },
      { field: "", value: null, rule: "is too large" },
    ]);
    expect(fields).toEqual({});
    expect(others).toEqual(["/visibility: not supported; use public.", "The definition: is too large."]);
  });

  it("cannot smuggle hidden characters onto the page", () => {
    const { fields } = problemsFrom([{ field: "/tags/0", value: "\u202Ex", rule: "is bad" }]);
    expect(fields.tags).toContain("‹U+202E›");
  });
});

describe("JSON pointers", () => {
  it.each([
    ["/a/b", ["a", "b"]],
    ["#/a", ["a"]],
    ["a", ["a"]],
    ["/m~0n~1o", ["m~n/o"]],
  ])("%s", (pointer, segments) => expect(pointerSegments(pointer)).toEqual(segments));
});
