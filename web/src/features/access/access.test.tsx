import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import type { PolicyDocument } from "@/api/types";
import { FakeRegistry, json, ME, open, problem } from "@/test/app";

const POLICY: PolicyDocument = {
  scopes: {
    readers: {
      admin: false,
      servers: [
        { servers: ["time"], methods: ["tools/call"], tools: ["now", "zones"] },
        { servers: ["*"], methods: ["*"], tools: [] },
      ],
      ui_permissions: { list_service: ["*"], fly: ["x"] },
    },
    "mcp-registry-admin": { admin: true },
    empty: {},
  },
  group_mappings: { staff: ["readers", "gone"], anonymous: [] },
  version: 4,
  updated_at: "2026-11-22T12:00:00Z",
  updated_by: "grace",
  warnings: [],
};
const TEXT = "readers:\n- server: time\n";
let registry: FakeRegistry;
let version: number;

beforeEach(() => {
  version = 4;
  registry = new FakeRegistry()
    .servers()
    .on("GET /api/policy", ({ headers }) =>
      headers.get("Accept") === "application/yaml"
        ? new Response(TEXT, { headers: { "Content-Type": "application/yaml", ETag: `"policy-${version}"` } })
        : json({ ...POLICY, version }),
    );
  registry.install();
});

async function edit(text: string) {
  const { user } = open("/ui/access");
  await user.click(await screen.findByRole("button", { name: "Edit policy" }));
  const area = await screen.findByLabelText("Policy");
  expect(area).toHaveValue(TEXT);
  await user.clear(area);
  await user.click(area);
  await user.paste(text);
  await user.click(screen.getByRole("button", { name: "Save policy" }));
  return user;
}

describe("the policy", () => {
  it("is shown with its scopes, rules, permissions and groups", async () => {
    open("/ui/access");
    const scopes = await screen.findByLabelText("Scopes");
    expect(within(scopes).getByText("Administers the registry")).toBeVisible();
    expect(within(scopes).getByText("Allows nothing.")).toBeVisible();
    expect(within(scopes).getByText("zones")).toBeVisible();
    expect(within(scopes).getByText("every method")).toBeVisible();
    expect(within(scopes).getByText("See in the registry")).toBeVisible();
    const groups = screen.getByLabelText("Groups");
    expect(within(groups).getByText("gone").parentElement).toHaveClass("text-bad");
    expect(within(groups).getByText("readers").parentElement).not.toHaveClass("text-bad");
    expect(within(groups).getByText("Everybody")).toBeVisible();
    expect(screen.getByText("grace")).toBeVisible();
  });

  it("is for administrators, in the navigation too", async () => {
    registry.on("GET /api/auth/me", () => json({ ...ME, is_admin: false }));
    open("/ui/access");
    expect(await screen.findByText("Only administrators see the policy")).toBeVisible();
    expect(screen.queryByRole("link", { name: "Access" })).toBe(null);
    expect(registry.calls.some((call) => call.path === "/api/policy")).toBe(false);
  });

  it("is saved as the text that was written, on the version that was read", async () => {
    registry.on("PUT /api/policy", () => json({ ...POLICY, version: 5 }));
    await edit("a: []");
    expect(await screen.findByRole("heading", { name: "Access" })).toBeVisible();
    expect(registry.writes[0]?.body).toBe("a: []");
    expect(registry.writes[0]?.headers.get("If-Match")).toBe('"policy-4"');
    expect(registry.writes[0]?.headers.get("Content-Type")).toBe("application/yaml");
  });

  it("names each mistake with its place and keeps the text", async () => {
    const errors = [{ field: "/a~1b/0/server", value: "x y", rule: "must be a path" }];
    registry.on("PUT /api/policy", () => problem(422, "mistakes", { errors }));
    await edit("a: 1");
    const alert = await screen.findByRole("alert");
    expect(alert).toHaveTextContent("/a~1b/0/server Must be a path. It is x y.");
    expect(screen.getByLabelText("Policy")).toHaveValue("a: 1");
  });

  it("shows what was left out before it closes", async () => {
    const warnings = [{ field: "/UI-Scopes/a/fly", value: null, rule: "is not a permission" }];
    registry.on("PUT /api/policy", () => json({ ...POLICY, version: 5, warnings }));
    const user = await edit("a: []");
    expect(await screen.findByText("/UI-Scopes/a/fly")).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Done" }));
    expect(await screen.findByRole("heading", { name: "Access" })).toBeVisible();
  });

  it("overwrites nothing that somebody else has written", async () => {
    registry.on("PUT /api/policy", ({ headers }) =>
      headers.get("If-Match") === '"policy-5"' ? json({ ...POLICY, version: 6 }) : problem(412, "changed"),
    );
    const user = await edit("a: []");
    expect(await screen.findByText(/Somebody else changed the policy/)).toBeVisible();
    expect(screen.getByRole("button", { name: "Save policy" })).toBeDisabled();
    version = 5;
    await user.click(screen.getByRole("button", { name: /Keep my text/ }));
    await waitFor(() => expect(screen.getByRole("button", { name: "Save policy" })).toBeEnabled());
    expect(screen.getByLabelText("Policy")).toHaveValue("a: []");
    await user.click(screen.getByRole("button", { name: "Save policy" }));
    expect(await screen.findByRole("heading", { name: "Access" })).toBeVisible();
  });
});

describe("an explanation", () => {
  it("says what was asked and why", async () => {
    registry.on("GET /api/explain?user=ada&server=%2Ftime&tool=write", () =>
      json({
        user: "ada",
        server: "/time",
        allowed: false,
        summary: "ada may not call the tool write at /time",
        scopes: [
          {
            name: "readers",
            groups: ["staff"],
            known: true,
            rules: [{ number: 2, allows: false, says: "but not" }],
          },
        ],
        remedies: [{ scope: "writers", groups: ["lords"] }],
        ui_permissions: {},
      }),
    );
    const { user } = open("/ui/access");
    await user.type(await screen.findByLabelText("User"), "ada");
    await user.type(screen.getByLabelText("Server"), "/time");
    await user.type(screen.getByLabelText(/^Tool/), "write");
    await user.click(screen.getByRole("button", { name: "Explain" }));
    const panel = screen.getByLabelText("Explain");
    expect(await within(panel).findByText("Refused")).toBeVisible();
    expect(panel).toHaveTextContent("readers from staffRule 2 but not");
    expect(panel).toHaveTextContent("the scope writers (groups lords)");
  });
});
