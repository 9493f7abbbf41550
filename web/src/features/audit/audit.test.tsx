import { screen, within } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import type { AuditLine } from "@/api/types";
import { FakeRegistry, json, ME, open, problem } from "@/test/app";
import { auditSearch, localTime, moment } from "./search";

const CHANGE: AuditLine = {
  kind: "change",
  at: "2026-01-31T12:00:00Z",
  user: "ada",
  action: "server.update",
  subject: "/time",
  changed: ["headers", "tags"],
  decision: "allow",
  request_id: "r-1",
};
const REFUSED: AuditLine = {
  kind: "access",
  at: "2026-01-31T11:00:00Z",
  user: "bob\u202e",
  server: "/time",
  method: "tools/call",
  tool: "now",
  decision: "deny",
  reason: "forbidden",
  status: 403,
  duration_us: 812,
  request_id: "gw-7",
  source: "192.0.2.7",
};
const STRANGERS: AuditLine = {
  kind: "access",
  at: "2026-01-31T10:00:00Z",
  server: "/time",
  decision: "deny",
  reason: "unauthenticated",
  count: 12,
  status: 401,
};

let registry: FakeRegistry;
beforeEach(() => {
  registry = new FakeRegistry().install().servers();
});

describe("the audit log", () => {
  it("is for administrators only", async () => {
    registry.on("GET /api/auth/me", () => json({ ...ME, is_admin: false }));
    open("/ui/audit");
    expect(await screen.findByText("Only administrators read the audit log")).toBeVisible();
    expect(screen.queryByRole("link", { name: "Audit" })).toBe(null);
    expect(registry.calls.some((call) => call.path.startsWith("/api/audit"))).toBe(false);
  });

  it("tells who did what, and why others were refused", async () => {
    registry.on("GET /api/audit?limit=50", () => json({ entries: [CHANGE, REFUSED, STRANGERS] }));
    const { user } = open("/ui/audit");
    const list = await screen.findByRole("list", { name: "Entries" });
    const [change, refused, strangers] = within(list).getAllByRole("listitem");
    expect(change).toHaveTextContent(/Change.*ada.*server\.update.*\/time.*headers.*tags/);
    expect(refused).toHaveTextContent(/Refused.*bob.*\/time.*tools\/call.*now.*forbidden/);
    expect(refused?.textContent).not.toContain("\u202e");
    expect(strangers).toHaveTextContent(/Nobody known.*12 times.*unauthenticated/);
    await user.click(within(refused as HTMLElement).getByText("Details"));
    expect(refused).toHaveTextContent(/gw-7.*192\.0\.2\.7.*403, 812 µs/);
  });

  it("asks for what the filters say, and keeps it in the address", async () => {
    registry
      .on("GET /api/audit?limit=50", () => json({ entries: [CHANGE] }))
      .on("GET /api/audit?decision=deny&user=bob&request_id=gw-7&limit=50", () =>
        json({ entries: [REFUSED] }),
      )
      .on("GET /api/audit?kind=access&decision=deny&user=bob&request_id=gw-7&limit=50", () =>
        json({ entries: [] }),
      );
    const { user } = open("/ui/audit");
    await user.type(await screen.findByLabelText("User"), "bob");
    await user.type(screen.getByLabelText("Request id"), " gw-7 ");
    await user.selectOptions(screen.getByLabelText("Decision"), "Refused");
    await user.click(screen.getByRole("button", { name: "Search" }));
    expect(await screen.findByText("forbidden")).toBeVisible();
    expect(screen.getByLabelText("User")).toHaveValue("bob");
    await user.click(screen.getByRole("button", { name: "Calls" }));
    expect(await screen.findByText("Nothing matches")).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Clear" }));
    expect(screen.getByLabelText("User")).toHaveValue("");
  });

  it("opens with what a link asks for", async () => {
    registry.on("GET /api/audit?request_id=gw-7&limit=50", () => json({ entries: [REFUSED] }));
    open("/ui/audit?request_id=gw-7&mood=good");
    expect(await screen.findByText("forbidden")).toBeVisible();
    expect(screen.getByLabelText("Request id")).toHaveValue("gw-7");
  });

  it("shows more, page after page", async () => {
    registry
      .on("GET /api/audit?limit=50", () => json({ entries: [CHANGE], next: "abc" }))
      .on("GET /api/audit?limit=50&cursor=abc", () => json({ entries: [REFUSED] }));
    const { user } = open("/ui/audit");
    await user.click(await screen.findByRole("button", { name: "Show more" }));
    expect(await screen.findByText("forbidden")).toBeVisible();
    expect(screen.getByText("server.update")).toBeVisible();
    expect(screen.queryByRole("button", { name: "Show more" })).toBe(null);
  });

  it("says what failed", async () => {
    registry.on("GET /api/audit?limit=50", () => problem(503, "the registry's database is not available"));
    open("/ui/audit");
    expect(await screen.findByText("The audit log could not be loaded", {}, { timeout: 4000 })).toBeVisible();
  });
});

describe("the address", () => {
  it("takes what is known and drops what is not", () => {
    expect(auditSearch({ kind: "x", decision: "deny", user: 42, server: " ", tool: ["a"], mood: 1 })).toEqual(
      {
        decision: "deny",
        user: "42",
      },
    );
  });

  it("holds moments in UTC, whatever the clock on the wall", () => {
    const told = moment("2026-01-31T12:30");
    expect(told).toMatch(/^2026-0[12]-\d\dT\d\d:\d0:00Z$|^2026-0[12]-\d\dT\d\d:\d5:00Z$/);
    expect(localTime(told)).toBe("2026-01-31T12:30");
    expect(moment("soon")).toBe(undefined);
    expect(localTime(undefined)).toBe("");
  });
});
