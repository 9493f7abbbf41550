import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import { FakeRegistry, json, ME, open, problem } from "./test/app";
import { serverInfo } from "./test/server";

let registry: FakeRegistry;
beforeEach(() => {
  registry = new FakeRegistry().install();
});

const row = async (path: string) => {
  await screen.findAllByText("Current Time");
  return within(document.querySelector(`tr[data-path="${path}"]`) as HTMLElement);
};

describe("login", () => {
  it("says where the first password lies, and that a password is wrong", async () => {
    registry
      .on("GET /api/auth/me", () => problem(401, "no session"))
      .on("POST /api/auth/login", () => problem(401, "wrong"));
    const { user } = open("/ui/tokens");
    expect(await screen.findByText("admin-password")).toBeVisible();
    await user.type(screen.getByLabelText("Password"), "nope{Enter}");
    expect(await screen.findByText("User name or password is wrong.")).toBeVisible();
    expect(registry.writes[0]?.body).toEqual({ username: "admin", password: "nope" });
  });

  it("leads back to the page that was asked for", async () => {
    let signedIn = false;
    registry
      .on("GET /api/auth/me", () => (signedIn ? json(ME) : problem(401, "no session")))
      .on("POST /api/auth/login", () => {
        signedIn = true;
        return json(ME);
      })
      .on("GET /api/tokens", () => json([]))
      .servers();
    const { user } = open("/ui/tokens");
    await user.type(await screen.findByLabelText("Password"), "right{Enter}");
    expect(await screen.findByText("No tokens yet")).toBeVisible();
  });

  it("says when to come back after too many failures", async () => {
    registry
      .on("GET /api/auth/me", () => problem(401, "no session"))
      .on("POST /api/auth/login", () => json({}, 429, { "Retry-After": "120" }));
    const { user } = open("/ui/login");
    await user.type(await screen.findByLabelText("Password"), "x{Enter}");
    expect(await screen.findByText(/Try again in 2 minutes/)).toBeVisible();
  });

  it("offers the providers that are configured, and no password where none is taken", async () => {
    registry
      .on("GET /api/auth/me", () => problem(401, "no session"))
      .on("GET /api/auth/providers", () =>
        json({ providers: [{ name: "keycloak", display_name: "Keycloak" }], local: false }),
      );
    open("/ui/login");
    expect(await screen.findByRole("link", { name: /Keycloak/ })).toHaveAttribute(
      "href",
      "/oauth2/login/keycloak?redirect_uri=%2Fui%2F",
    );
    expect(screen.queryByLabelText("Password")).toBe(null);
  });
});

describe("servers", () => {
  it("invites to add the first one", async () => {
    registry.servers();
    open("/ui/");
    expect(await screen.findByText("No servers yet")).toBeVisible();
    expect(screen.getByRole("link", { name: "Add your first server" })).toHaveAttribute("href", "/ui/new");
  });

  it("names the request when the list cannot be loaded, and tries again", async () => {
    registry.on("GET /api/servers", () => problem(503, "the database is locked"));
    const { user } = open("/ui/");
    expect(await screen.findByText("The database is locked.")).toBeVisible();
    expect(screen.getByText("req-42")).toBeVisible();
    registry.servers(serverInfo());
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect((await screen.findAllByText("Current Time")).length).toBeGreaterThan(0);
  });

  it("shows a switch at once and takes it back when the registry refuses", async () => {
    let refuse = (_: Response) => {};
    registry
      .servers(serverInfo())
      .on("PATCH /api/servers/currenttime", () => new Promise((resolve) => (refuse = resolve)));
    const { user } = open("/ui/");
    const toggle = (await row("/currenttime")).getByRole("switch");
    await user.click(toggle);
    await waitFor(() => expect(toggle).not.toBeChecked());
    expect(registry.writes[0]).toMatchObject({ body: { enabled: false } });
    expect(registry.writes[0]?.headers.get("X-CSRF-Token")).toBe("csrf-1");
    refuse(problem(403, "not yours"));
    expect((await screen.findAllByText(/could not be disabled/))[0]).toBeVisible();
    await waitFor(() => expect(toggle).toBeChecked());
  });

  it("lets somebody without the right only look", async () => {
    registry
      .on("GET /api/auth/me", () => json({ ...ME, is_admin: false, can_modify_servers: false }))
      .servers(serverInfo());
    open("/ui/");
    expect((await row("/currenttime")).getByRole("switch")).toBeDisabled();
    expect(screen.queryByRole("link", { name: "Add server" })).toBe(null);
  });

  it("deletes only after the confirmation that names it", async () => {
    registry
      .servers(serverInfo(), serverInfo({ path: "/other", server_name: "Other" }))
      .on("DELETE /api/servers/currenttime", () => new Response(null, { status: 204 }));
    const { user } = open("/ui/");
    await user.click((await row("/currenttime")).getByRole("button", { name: "Actions for Current Time" }));
    await user.click(await screen.findByRole("menuitem", { name: "Delete" }));
    const dialog = await screen.findByRole("alertdialog");
    expect(dialog).toHaveAccessibleName(expect.stringMatching(/^Delete Current Time\s*\?$/));
    expect(registry.writes).toEqual([]);
    await user.click(within(dialog).getByRole("button", { name: "Delete server" }));
    await waitFor(() => expect(document.querySelector('[data-path="/currenttime"]')).toBe(null));
    expect(document.querySelector('[data-path="/other"]')).not.toBe(null);
  });

  it("shows markup in a name as text", async () => {
    registry.servers(
      serverInfo(),
      serverInfo({ path: "/evil", server_name: "<img src=x onerror=alert(1)>\u202Ex" }),
    );
    open("/ui/");
    await row("/evil");
    expect(screen.getAllByText("<img src=x onerror=alert(1)>", { exact: false }).length).toBeGreaterThan(0);
    expect(document.querySelector("img")).toBe(null);
    expect(screen.getAllByText("U+202E").length).toBeGreaterThan(0);
  });
});

describe("server form", () => {
  it("derives the path from the name until somebody writes one", async () => {
    registry.servers();
    const { user } = open("/ui/new");
    const name = await screen.findByLabelText("Name");
    const path = screen.getByLabelText("Path");
    await user.type(name, "My Server");
    expect(path).toHaveValue("/my-server");
    await user.clear(path);
    await user.type(path, "/mine");
    await user.type(name, " Two");
    expect(path).toHaveValue("/mine");
  });

  it("puts the registry's objections beside the fields, and takes one back when its field changes", async () => {
    const errors = [
      { field: "/proxy_pass_url", value: "http://169.254.169.254/", rule: "must not be link-local" },
    ];
    registry.servers().on("POST /api/servers", () => problem(422, "one field is wrong", { errors }));
    const { user } = open("/ui/new");
    await user.type(await screen.findByLabelText("Name"), "X");
    const url = screen.getByLabelText("URL");
    await user.type(url, "http://169.254.169.254/");
    await user.click(screen.getByRole("button", { name: "Add server" }));
    expect(await screen.findByText("Must not be link-local.")).toBeVisible();
    await waitFor(() => expect(url).toHaveAttribute("aria-invalid", "true"));
    expect(url).toHaveAccessibleDescription(/Must not be link-local/);
    await user.type(url, "x");
    expect(screen.queryByText("Must not be link-local.")).toBe(null);
  });

  it("leads to the server that has the path already", async () => {
    registry.servers(serverInfo()).on("POST /api/servers", () => problem(409, "exists"));
    const { user } = open("/ui/new");
    await user.type(await screen.findByLabelText("Name"), "currenttime");
    await user.type(screen.getByLabelText("URL"), "http://127.0.0.1:8000/");
    await user.click(screen.getByRole("button", { name: "Add server" }));
    expect(await screen.findByText("/currenttime is taken")).toBeVisible();
    expect(screen.getByRole("link", { name: "Open that server" })).toHaveAttribute(
      "href",
      "/ui/servers/currenttime",
    );
  });

  it("sends nothing that the form itself can see is wrong", async () => {
    registry.servers();
    const { user } = open("/ui/new");
    await user.click(await screen.findByRole("button", { name: "Add server" }));
    expect(await screen.findByText("A name is required.")).toBeVisible();
    expect(registry.writes).toEqual([]);
  });

  it("sends only what changed, for the version it was read from, and offers the newer one on a conflict", async () => {
    const newer = serverInfo({ tags: ["theirs"], updated_at: "2026-11-22T12:00:00Z" });
    let version = 1;
    registry
      .servers(serverInfo())
      .on("GET /api/servers/currenttime", () =>
        json(version === 1 ? serverInfo() : newer, 200, { ETag: `"v${version}"` }),
      )
      .on("PATCH /api/servers/currenttime", ({ headers }) =>
        headers.get("If-Match") === '"v2"'
          ? json({ ...newer, description: "mine" })
          : problem(412, "changed"),
      );
    const { user } = open("/ui/edit/currenttime");
    const description = await screen.findByLabelText(/Description/);
    await user.clear(description);
    await user.type(description, "mine");
    version = 2;
    await user.click(screen.getByRole("button", { name: "Save changes" }));
    await user.click(await screen.findByRole("button", { name: "Load theirs, keep my edits" }));
    expect(await screen.findByRole("button", { name: "Remove tag theirs" })).toBeVisible();
    expect(description).toHaveValue("mine");
    await user.click(screen.getByRole("button", { name: "Save changes" }));
    await screen.findByText("Connect a client");
    expect(registry.writes.map(({ body, headers }) => [headers.get("If-Match"), body])).toEqual([
      ['"v1"', { description: "mine" }],
      ['"v2"', { description: "mine" }],
    ]);
  });
});

describe("tokens", () => {
  it("shows a new token once", async () => {
    const generated = { token_id: "t1", tokens: { access_token: "secret-token" } };
    registry
      .servers()
      .on("GET /api/tokens", () => json([]))
      .on("POST /api/tokens/generate", () => json(generated));
    const { user } = open("/ui/tokens");
    await user.click(await screen.findByRole("button", { name: "Generate a token" }));
    await user.type(await screen.findByLabelText("Description"), "laptop");
    await user.selectOptions(screen.getByLabelText("Expires after"), "24");
    await user.click(screen.getByRole("button", { name: "Generate" }));
    expect(await screen.findByText("secret-token")).toBeVisible();
    expect(registry.writes[0]?.body).toEqual({ kind: "token", description: "laptop", expires_in_hours: 24 });
    await user.click(screen.getByRole("button", { name: "Done" }));
    await waitFor(() => expect(screen.queryByText("secret-token")).toBe(null));
  });
});

describe("pages around", () => {
  it("warn when the session travels in the clear", async () => {
    const config = { mode: "full", version: "1", gateway_public_url: null, ui: { insecure_session: true } };
    registry.on("GET /api/config", () => json(config)).servers();
    open("/ui/");
    expect(await screen.findByText("Your session is not encrypted.")).toBeVisible();
  });

  it("say that an address leads nowhere", async () => {
    registry.servers();
    open("/ui/nowhere");
    expect(await screen.findByText("There is no such page")).toBeVisible();
  });

  it("say that a server is not there", async () => {
    registry.servers(serverInfo());
    open("/ui/servers/gone");
    expect(await screen.findByText("There is no such server")).toBeVisible();
  });
});
