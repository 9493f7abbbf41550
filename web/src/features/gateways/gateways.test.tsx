import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { gatewaysQuery } from "@/api/queries";
import type { GatewayInfo } from "@/api/types";
import { FakeRegistry, json, ME, open, problem } from "@/test/app";
import { isSilent, missedRevision, seen, told } from "./report";

const SECRET = `mcpg_${"0".repeat(16)}_${"1".repeat(64)}_${"2".repeat(8)}`;
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

const gateway = (id: string, revision: unknown, more: Partial<GatewayInfo> = {}): GatewayInfo => ({
  id,
  last_seen: ago(2),
  events: 0,
  report: { id, version: "0.1.0", cluster: "c1", revision },
  ...more,
});

const NGINX = {
  name: "nginx-1",
  id: "0123456789abcdef",
  sends_body: false,
  created_at: ago(60),
  created_by: "ada\u202e",
};
const ENVOY = { ...NGINX, name: "envoy", id: "fedcba9876543210", sends_body: true };
const OLD_KEY = { kid: "kid/old", gateway: "gw-2", last_seen: ago(7_300), in_use: false };
const KEY = { kid: "kid-new", gateway: "gw-1", last_seen: ago(1), in_use: true };

const EMPTY = { gateways: [], credentials: [], identity_keys: [] };

let registry: FakeRegistry;
beforeEach(() => {
  registry = new FakeRegistry().install().servers();
  registry.on("GET /api/gateways", () =>
    json({ ...EMPTY, credentials: [NGINX, ENVOY], identity_keys: [OLD_KEY, KEY] }),
  );
});

const items = async (list: string) =>
  within(await screen.findByRole("list", { name: list })).getAllByRole("listitem");

describe("gateways", () => {
  it("are for administrators only", async () => {
    registry.on("GET /api/auth/me", () => json({ ...ME, is_admin: false }));
    open("/ui/gateways");
    expect(await screen.findByText("Only administrators see gateways")).toBeVisible();
    expect(screen.queryByRole("link", { name: "Gateways" })).toBe(null);
    expect(registry.calls.some((call) => call.path.startsWith("/api/gateways"))).toBe(false);
  });

  it("are found in the navigation", async () => {
    const { user } = open("/ui/");
    await user.click(await screen.findByRole("link", { name: "Gateways" }));
    expect(await screen.findByRole("heading", { name: "Gateways", level: 1 })).toBeVisible();
    expect(screen.getByRole("link", { name: "Gateways" })).toHaveAttribute("aria-current", "page");
  });

  it("tell their version, who is behind and who has fallen silent", async () => {
    registry.on("GET /api/gateways", () =>
      json({
        ...EMPTY,
        gateways: [
          gateway("gw-1", 12, { events: 1_204 }),
          gateway("gw-2\u202e", 11),
          gateway("gw-3", 4, { last_seen: ago(7_300) }),
          gateway("gw-4", 12, { report: null }),
        ],
      }),
    );
    open("/ui/gateways");
    const [first, behind, silent, unsaid] = await items("Gateways");
    expect(first).toHaveTextContent(
      /gw-1.*Reports.*Version 0\.1\.0.*Revision 12.*Seen just now.*1,204 events/,
    );
    expect(first).not.toHaveTextContent("Behind");
    expect(behind).toHaveTextContent(/gw-2.*Reports.*Behind.*Revision 11, others have 12/);
    expect(behind?.textContent).not.toContain("\u202e");
    expect(silent).toHaveTextContent(/gw-3.*Silent.*Revision 4.*Seen 2 hours ago/);
    expect(silent).not.toHaveTextContent("Behind");
    expect(unsaid).toHaveTextContent(/^gw-4Reports.*Seen just now$/);
  });

  it("say what to do where there is none", async () => {
    registry.on("GET /api/gateways", () => json(EMPTY));
    open("/ui/gateways");
    expect(await screen.findByText(/None has reported: start another/)).toHaveTextContent(
      /mcp --mode gateway.*REGISTRY_API_URL.*REGISTRY_API_TOKEN/,
    );
    expect(screen.getByText(/There is none: add one/)).toHaveTextContent("mcp gateways add NAME");
    expect(screen.getByText(/There is none: each gateway/)).toHaveTextContent("mcp --mode gateway");
    expect(screen.getByText(/the one in its own process needs no reports/)).toBeVisible();
  });

  it("of a registry alone are all elsewhere", async () => {
    registry
      .on("GET /api/config", () =>
        json({ mode: "registry", version: "1", gateway_public_url: null, ui: { insecure_session: false } }),
      )
      .on("GET /api/gateways", () => json(EMPTY));
    open("/ui/gateways");
    expect(await screen.findByText(/None has reported: start one/)).toBeVisible();
    expect(screen.queryByText(/its own process/)).toBe(null);
  });

  it("say what failed", async () => {
    registry.on("GET /api/gateways", () => problem(500, "something broke"));
    const { user } = open("/ui/gateways");
    const failed = await screen.findByText("Gateways could not be loaded", {}, { timeout: 4000 });
    expect(failed.closest('[role="alert"]')).toHaveTextContent("req-42");
    registry.on("GET /api/gateways", () => json(EMPTY));
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByText(/None has reported/)).toBeVisible();
  });

  it("stay where a later answer fails, and say that they may be old", async () => {
    const { client } = open("/ui/gateways");
    await screen.findByText("nginx-1");
    registry.on("GET /api/gateways", () => problem(500, "something broke"));
    await client.invalidateQueries({ queryKey: gatewaysQuery.queryKey });
    expect(await screen.findByText("This may be out of date")).toBeVisible();
    expect(screen.getByText("nginx-1")).toBeVisible();
  });
});

describe("credentials of gateways", () => {
  it("are listed without their text", async () => {
    open("/ui/gateways");
    const [nginx, envoy] = await items("Credentials");
    expect(nginx).toHaveTextContent(/nginx-1.*0123456789abcdef.*Created 1 minute ago by ada/);
    expect(nginx?.textContent).not.toContain("\u202e");
    expect(nginx).not.toHaveTextContent("Sends bodies");
    expect(envoy).toHaveTextContent(/envoy.*Sends bodies/);
  });

  it("are added with their mistakes at their fields, and shown once", async () => {
    registry.on("POST /api/gateways", () =>
      problem(422, "the body has mistakes", {
        errors: [{ field: "/name", value: "a b", rule: "must be a name" }],
      }),
    );
    const { user } = open("/ui/gateways");
    await user.click(await screen.findByRole("button", { name: "Add credential" }));
    const dialog = within(screen.getByRole("dialog"));
    await user.type(dialog.getByLabelText("Name"), "a b");
    await user.click(dialog.getByRole("button", { name: "Add credential" }));
    expect(await dialog.findByText("must be a name")).toBeVisible();
    expect(registry.writes[0]?.body).toEqual({ name: "a b", sends_body: false });

    registry.on("POST /api/gateways", () => problem(409, 'a gateway "caddy" has a credential'));
    await user.clear(dialog.getByLabelText("Name"));
    await user.type(dialog.getByLabelText("Name"), "caddy");
    await user.click(dialog.getByRole("switch", { name: "Sends bodies" }));
    await user.click(dialog.getByRole("button", { name: "Add credential" }));
    expect(await dialog.findByRole("alert")).toHaveTextContent('A gateway "caddy" has a credential.');

    const made = { ...NGINX, name: "caddy", id: "0".repeat(16), sends_body: true };
    registry
      .on("POST /api/gateways", () => json({ ...made, credential: SECRET }, 201))
      .on("GET /api/gateways", () => json({ ...EMPTY, credentials: [made] }));
    await user.click(dialog.getByRole("button", { name: "Add credential" }));
    expect(await screen.findByText(SECRET)).toBeVisible();
    expect(screen.getByText(/X-Gateway-Authorization: Bearer/)).toBeVisible();
    expect(registry.writes.at(-1)?.body).toEqual({ name: "caddy", sends_body: true });
    await user.click(screen.getByRole("button", { name: "Done" }));
    await waitFor(() => expect(screen.queryByText(SECRET)).toBe(null));
    const [listed] = await items("Credentials");
    expect(listed).toHaveTextContent(/caddy.*Sends bodies/);
    await user.click(screen.getByRole("button", { name: "Add credential" }));
    expect(screen.getByLabelText("Name")).toHaveValue("");
    expect(screen.queryByText(SECRET)).toBe(null);
  });

  it("are removed after a question", async () => {
    registry.on("DELETE /api/gateways/nginx-1", () => new Response(null, { status: 204 }));
    const { user } = open("/ui/gateways");
    await user.click(await screen.findByRole("button", { name: "Remove nginx-1" }));
    const question = within(screen.getByRole("alertdialog", { name: "Remove nginx-1?" }));
    expect(question.getByText(/gets no verdicts/)).toBeVisible();
    expect(registry.writes).toEqual([]);
    registry.on("GET /api/gateways", () => json({ ...EMPTY, credentials: [ENVOY] }));
    await user.click(question.getByRole("button", { name: "Remove credential" }));
    expect(await screen.findByText("nginx-1 was removed")).toBeVisible();
    expect(await items("Credentials")).toHaveLength(1);
    expect(registry.writes.map(({ method, path }) => [method, path])).toEqual([
      ["DELETE", "/api/gateways/nginx-1"],
    ]);
  });

  it("stay where the registry says no", async () => {
    registry.on("DELETE /api/gateways/envoy", () => problem(404, 'there is no credential of "envoy"'));
    const { user } = open("/ui/gateways");
    await user.click(await screen.findByRole("button", { name: "Remove envoy" }));
    await user.click(screen.getByRole("button", { name: "Remove credential" }));
    expect(await screen.findByText("envoy could not be removed")).toBeVisible();
    expect(screen.getByText(/^There is no credential of "envoy"\. \(request req-42\)$/)).toBeVisible();
    await waitFor(() => expect(screen.queryByRole("alertdialog")).toBe(null));
  });
});

describe("identity keys", () => {
  it("are forgotten when they were replaced, after a question that says what it means", async () => {
    registry.on("DELETE /api/gateways/identity-keys/kid%2Fold", () => new Response(null, { status: 204 }));
    const { user } = open("/ui/gateways");
    const [used, replaced] = await items("Identity keys");
    expect(used).toHaveTextContent(/kid-new.*In use.*gw-1.*Seen just now/);
    expect(within(used as HTMLElement).queryByRole("button")).toBe(null);
    expect(replaced).toHaveTextContent(/kid\/old.*Replaced.*gw-2.*Seen 2 hours ago/);
    await user.click(screen.getByRole("button", { name: "Forget kid/old" }));
    const question = screen.getByRole("alertdialog", { name: "Forget this key?" });
    expect(question).toHaveTextContent(/kid\/old of gw-2 leaves the key set at every gateway/);
    expect(question).toHaveTextContent(/brings its key back when it starts/);
    expect(registry.writes).toEqual([]);
    registry.on("GET /api/gateways", () => json({ ...EMPTY, identity_keys: [KEY] }));
    await user.click(within(question).getByRole("button", { name: "Forget key" }));
    expect(await screen.findByText("The key was forgotten")).toBeVisible();
    expect(await items("Identity keys")).toHaveLength(1);
    expect(registry.writes.map(({ path }) => path)).toEqual(["/api/gateways/identity-keys/kid%2Fold"]);
  });

  it("stay where a gateway has begun to report them again", async () => {
    registry.on("DELETE /api/gateways/identity-keys/kid%2Fold", () =>
      problem(409, 'the gateway "gw-2" still reports the key "kid/old", so it would come back'),
    );
    const { user } = open("/ui/gateways");
    await user.click(await screen.findByRole("button", { name: "Forget kid/old" }));
    registry.on("GET /api/gateways", () =>
      json({ ...EMPTY, identity_keys: [{ ...OLD_KEY, in_use: true }, KEY] }),
    );
    await user.click(screen.getByRole("button", { name: "Forget key" }));
    expect(await screen.findByText("The key could not be forgotten")).toBeVisible();
    expect(screen.getByText(/^The gateway "gw-2" still reports the key/)).toBeVisible();
    await waitFor(() => expect(screen.queryByRole("button", { name: "Forget kid/old" })).toBe(null));
  });
});

describe("a report", () => {
  it("is taken as far as it can be read", () => {
    for (const report of [null, "x", 7, [], {}, { version: 1, revision: "2", cluster: null }])
      expect(told({ report })).toEqual({ version: null, revision: null, cluster: null });
  });

  it("is behind those of the same database only", () => {
    const elsewhere = gateway("gw-9", 900, { report: { cluster: "c2", revision: 900 } });
    const [old, current, unsaid] = [gateway("a", 3), gateway("b", 5), gateway("c", null)];
    const all = [old, current, unsaid, elsewhere];
    expect(all.map((one) => missedRevision(one, all))).toEqual([5, null, null, null]);
    expect(missedRevision(old, [old])).toBe(null);
  });

  it("counts as missing after a minute, whatever the registry's clock says", () => {
    const now = Date.parse("2026-01-31T12:00:00Z");
    const at = (seconds: number) => new Date(now + seconds * 1000).toISOString();
    expect(isSilent({ last_seen: at(-59) }, now)).toBe(false);
    expect(isSilent({ last_seen: at(-61) }, now)).toBe(true);
    expect(isSilent({ last_seen: at(90) }, now)).toBe(false);
    expect(seen(at(90), now)).toBe("just now");
    expect(seen(at(-120), now)).toBe("2 minutes ago");
  });

  it("is asked for again as long as the page is open", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"], shouldAdvanceTime: false });
    try {
      const started = Date.now();
      registry.on("GET /api/gateways", () =>
        json({ ...EMPTY, gateways: [gateway("gw-1", 1, { last_seen: new Date(started).toISOString() })] }),
      );
      open("/ui/gateways");
      expect(await screen.findByText("Reports")).toBeVisible();
      await vi.advanceTimersByTimeAsync(70_000);
      expect(await screen.findByText("Silent")).toBeVisible();
    } finally {
      vi.useRealTimers();
    }
  });
});
