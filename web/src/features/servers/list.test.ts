import { describe, expect, it } from "vitest";
import { serverInfo } from "@/test/server";
import { changedPaths } from "./changes";
import { countByStatus, countTags, filterServers } from "./filter";
import { listSearch } from "./list-search";
import { withPendingToggles } from "./mutations";

const time = serverInfo();
const off = serverInfo({ path: "/crm", server_name: "CRM", enabled: false, tags: ["work"], description: "" });
const sick = serverInfo({
  path: "/github",
  server_name: "GitHub",
  description: "Code.",
  tags: ["work", "code"],
  tool_list: [{ name: "search_code" }],
  health: { status: "unhealthy", checked_at: null, detail: "refused" },
});
const all = [time, off, sick];
const names = (...filter: Parameters<typeof filterServers>) =>
  filterServers(...filter).map((server) => server.path);

describe("filters", () => {
  it("need every word, anywhere", () => {
    expect(names(all, { q: "TELLS time", status: "all", tags: [] })).toEqual(["/currenttime"]);
    expect(names(all, { q: "search_code", status: "all", tags: [] })).toEqual(["/github"]);
    expect(names(all, { q: "time github", status: "all", tags: [] })).toEqual([]);
  });

  it("combine status and tags", () => {
    expect(names(all, { q: "", status: "disabled", tags: [] })).toEqual(["/crm"]);
    expect(names(all, { q: "", status: "unhealthy", tags: [] })).toEqual(["/github"]);
    expect(names(all, { q: "", status: "all", tags: ["work", "code"] })).toEqual(["/github"]);
  });

  it("count what each would show", () => {
    expect(countByStatus(all)).toEqual({ all: 3, enabled: 2, disabled: 1, unhealthy: 1 });
    expect(countTags(all)).toEqual([
      ["work", 2],
      ["code", 1],
      ["time", 1],
    ]);
  });
});

describe("address of the list", () => {
  it("keeps what it knows and ignores the rest", () => {
    expect(
      listSearch({ q: 42, status: "disabled", tags: ["a", 1], sort: "updated", desc: true, page: 2 }),
    ).toEqual({
      q: "42",
      status: "disabled",
      tags: ["a"],
      sort: "updated",
      desc: true,
      page: 2,
    });
    expect(listSearch({ status: "nonsense", tags: "x", sort: "__proto__", page: -1, foo: 1 })).toEqual({});
  });
});

describe("changed servers", () => {
  const before = { "/currenttime": time, "/crm": off };

  it("are those that are new or differ", () => {
    const after = { "/currenttime": { ...time, description: "x" }, "/crm": off, "/github": sick };
    expect(changedPaths(before, after)).toEqual(["/currenttime", "/github"]);
  });

  it("are not those whose health was merely checked again", () => {
    const checked = { ...time, health: { ...time.health, checked_at: "2026-11-22T13:00:00Z" } };
    expect(changedPaths(before, { "/currenttime": checked, "/crm": { ...off } })).toEqual([]);
  });

  it("are none when the list is seen for the first time", () => {
    expect(changedPaths(undefined, before)).toEqual([]);
  });
});

describe("pending toggles", () => {
  it("show what the user asked for, and leave everything else as it is", () => {
    const shown = withPendingToggles(all, new Map([["/crm", true]]));
    expect(shown.map((server) => server.enabled)).toEqual([true, true, true]);
    expect(shown[0]).toBe(time);
    expect(withPendingToggles(all, new Map())).toBe(all);
  });
});
