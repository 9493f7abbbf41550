import { describe, expect, it, vi } from "vitest";
import { serverInfo } from "@/test/server";
import { changedServers, fetchServers, urlOf } from "./servers";

const reply = (status: number, body: unknown, etag: string) =>
  vi.fn(
    async () =>
      new Response(status === 304 ? null : JSON.stringify(body), { status, headers: { ETag: etag } }),
  );

describe("servers", () => {
  it("escapes inner slashes of an id", () => {
    expect(urlOf("/docs/handbook")).toBe("/api/servers/docs%2Fhandbook");
    expect(urlOf("currenttime/")).toBe("/api/servers/currenttime");
  });

  it("knows a server by one spelling, whichever keys the answer has", async () => {
    const server = serverInfo({ path: "/currenttime/" });
    vi.stubGlobal("fetch", reply(200, { "/currenttime": server, "/currenttime/": server }, '"1"'));
    const list = await fetchServers();
    expect(Object.keys(list.servers)).toEqual(["/currenttime"]);
    expect(list.etag).toBe('"1"');
  });

  it("asks conditionally, and holds only when told to", async () => {
    const fetch = reply(304, null, '"7"');
    vi.stubGlobal("fetch", fetch);
    const { signal } = new AbortController();
    expect(await changedServers('"7"', true, signal)).toBe(null);
    await changedServers(null, false, signal);
    const calls = fetch.mock.calls as unknown as [string, RequestInit][];
    expect(calls.map(([url]) => url)).toEqual(["/api/servers?wait=25", "/api/servers"]);
    expect(calls.map(([, init]) => new Headers(init.headers).get("If-None-Match"))).toEqual(['"7"', null]);
  });
});
