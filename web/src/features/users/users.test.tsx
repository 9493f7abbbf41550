import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import { FakeRegistry, json, ME, open, problem } from "@/test/app";

const ADMIN = {
  username: "admin",
  groups: ["mcp-registry-admin"],
  disabled: false,
  built_in: true,
  updated_at: null,
};
const ADA = {
  username: "ada",
  groups: ["staff"],
  disabled: false,
  built_in: false,
  updated_at: "2026-01-01T00:00:00Z",
};
const BOT = {
  name: "bot",
  description: "Reports",
  groups: [],
  scopes: ["read"],
  disabled: false,
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
};

let registry: FakeRegistry;
beforeEach(() => {
  registry = new FakeRegistry().install().servers();
  registry.on("GET /api/users", () => json([ADMIN, ADA])).on("GET /api/service-accounts", () => json([BOT]));
});

describe("users", () => {
  it("are for administrators only", async () => {
    registry.on("GET /api/auth/me", () => json({ ...ME, is_admin: false }));
    open("/ui/users");
    expect(await screen.findByText("Only administrators manage users")).toBeVisible();
    expect(screen.queryByRole("link", { name: "Users" })).toBe(null);
    expect(registry.calls.some((call) => call.path === "/api/users")).toBe(false);
  });

  it("are added with their mistakes at their fields", async () => {
    registry.on("POST /api/users", () =>
      problem(422, "the body has mistakes", {
        errors: [{ field: "/username", value: "a b", rule: "must be a name" }],
      }),
    );
    const { user } = open("/ui/users");
    await user.click(await screen.findByRole("button", { name: "Add user" }));
    const dialog = within(screen.getByRole("dialog"));
    await user.type(dialog.getByLabelText("User name"), "a b");
    await user.type(dialog.getByLabelText(/^Groups/), "staff,admins{Enter}");
    await user.type(dialog.getByLabelText("Password"), "a dozen letters");
    await user.click(dialog.getByRole("button", { name: "Add user" }));
    expect(await dialog.findByText("must be a name")).toBeVisible();
    expect(registry.writes[0]?.body).toEqual({
      username: "a b",
      password: "a dozen letters",
      groups: ["staff", "admins"],
    });
    registry.on("POST /api/users", () => json({ ...ADA, username: "grace" }, 201));
    await user.click(dialog.getByRole("button", { name: "Add user" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBe(null));
  });

  it("keep their password where none is written", async () => {
    registry.on("PATCH /api/users/ada", () => json(ADA));
    const { user } = open("/ui/users");
    await user.click(await screen.findByRole("button", { name: "Actions for ada" }));
    await user.click(await screen.findByRole("menuitem", { name: "Edit" }));
    await user.click(screen.getByRole("button", { name: "Remove group staff" }));
    await user.click(screen.getByRole("button", { name: "Save" }));
    await waitFor(() => expect(registry.writes[0]?.body).toEqual({ groups: [] }));
  });

  it("are disabled after a question that says what ends", async () => {
    registry.on("PATCH /api/users/ada", () => json({ ...ADA, disabled: true }));
    const { user } = open("/ui/users");
    await user.click(await screen.findByRole("button", { name: "Actions for ada" }));
    await user.click(await screen.findByRole("menuitem", { name: "Disable" }));
    expect(screen.getByText(/Sessions, tokens and API keys end within a second/)).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Disable" }));
    await waitFor(() => expect(registry.writes[0]?.body).toEqual({ disabled: true }));
  });

  it("cannot change the administrator of the settings, only end their credentials", async () => {
    const { user } = open("/ui/users");
    expect(await screen.findByText("Set by ADMIN_USER")).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Actions for admin" }));
    const items = await screen.findAllByRole("menuitem");
    expect(items.map((item) => item.textContent?.trim())).toEqual(["End all credentials"]);
  });

  it("lose all credentials after a question that says what ends, and how many there were", async () => {
    registry.on("DELETE /api/users/ada/credentials", () => json({ sessions: 1, tokens: 3 }));
    const { user } = open("/ui/users");
    await user.click(await screen.findByRole("button", { name: "Actions for ada" }));
    await user.click(await screen.findByRole("menuitem", { name: "End all credentials" }));
    const question = screen.getByRole("alertdialog", { name: "End all credentials of ada?" });
    expect(question).toHaveTextContent(
      /sessions, tokens and API keys of ada.*a provider’s user of that name/,
    );
    expect(question).toHaveTextContent(/disable them instead/);
    expect(registry.writes).toEqual([]);
    await user.click(within(question).getByRole("button", { name: "Cancel" }));
    expect(registry.writes).toEqual([]);
    await user.click(screen.getByRole("button", { name: "Actions for ada" }));
    await user.click(await screen.findByRole("menuitem", { name: "End all credentials" }));
    await user.click(screen.getByRole("button", { name: "End all credentials" }));
    expect(await screen.findByText("The credentials of ada ended")).toBeVisible();
    expect(screen.getByText("1 session, 3 tokens and API keys.")).toBeVisible();
    expect(registry.writes.map(({ method, path }) => [method, path])).toEqual([
      ["DELETE", "/api/users/ada/credentials"],
    ]);
    expect(screen.queryByRole("alertdialog")).toBe(null);
  });

  it("keep what they have where the registry fails to end it", async () => {
    registry.on("DELETE /api/users/ada/credentials", () => problem(503, "the database is not available"));
    const { user } = open("/ui/users");
    await user.click(await screen.findByRole("button", { name: "Actions for ada" }));
    await user.click(await screen.findByRole("menuitem", { name: "End all credentials" }));
    await user.click(screen.getByRole("button", { name: "End all credentials" }));
    expect(await screen.findByText("Nothing was ended")).toBeVisible();
    expect(screen.getByText("The database is not available. (request req-42)")).toBeVisible();
  });

  it("are signed out where they end their own credentials", async () => {
    let signedIn = true;
    registry
      .on("GET /api/auth/me", () => (signedIn ? json(ME) : problem(401, "no session")))
      .on("DELETE /api/users/admin/credentials", () => {
        signedIn = false;
        return json({ sessions: 1, tokens: 0 });
      });
    const { user } = open("/ui/users");
    await user.click(await screen.findByRole("button", { name: "Actions for admin" }));
    await user.click(await screen.findByRole("menuitem", { name: "End all credentials" }));
    expect(screen.getByText(/This is you/)).toBeVisible();
    await user.click(screen.getByRole("button", { name: "End all credentials" }));
    expect(await screen.findByRole("button", { name: "Sign in" })).toBeVisible();
  });

  it("of a provider lose all credentials by their name", async () => {
    registry.on("DELETE /api/users/gr%20ace/credentials?provider=keycloak", () =>
      problem(404, 'nobody called "gr ace" is a local user, has logged in, or has tokens or keys'),
    );
    const { user } = open("/ui/users");
    await user.click(await screen.findByRole("button", { name: "End credentials" }));
    const dialog = within(screen.getByRole("dialog"));
    await user.type(dialog.getByLabelText("User name"), " gr ace ");
    await user.selectOptions(dialog.getByLabelText("Provider"), "Keycloak");
    await user.click(dialog.getByRole("button", { name: "End all credentials" }));
    expect(await dialog.findByRole("alert")).toHaveTextContent(/^Nobody called "gr ace" is a local user/);
    registry.on("DELETE /api/users/gr%20ace/credentials", () => json({ sessions: 0, tokens: 1 }));
    await user.selectOptions(dialog.getByLabelText("Provider"), "Any");
    await user.click(dialog.getByRole("button", { name: "End all credentials" }));
    expect(await screen.findByText("0 sessions, 1 token or API key.")).toBeVisible();
    expect(screen.queryByRole("dialog")).toBe(null);
  });

  it("change their own password with the present one", async () => {
    registry.on("PATCH /api/users/admin", () =>
      problem(422, "the body has mistakes", {
        errors: [{ field: "/current_password", value: "***", rule: "is not your current password" }],
      }),
    );
    const { user } = open("/ui/users");
    await user.click(await screen.findByRole("button", { name: /administrator/i }));
    await user.click(await screen.findByRole("menuitem", { name: "Change password" }));
    await user.type(screen.getByLabelText("Current password"), "old");
    await user.type(screen.getByLabelText("New password"), "a dozen letters");
    await user.click(screen.getByRole("button", { name: "Change password" }));
    expect(registry.writes[0]?.body).toEqual({ password: "a dozen letters", current_password: "old" });
    expect(await screen.findByText("is not your current password")).toBeVisible();
  });
});

describe("tokens", () => {
  it("are made for a service account with chosen scopes", async () => {
    registry
      .on("GET /api/tokens", () => json([]))
      .on("POST /api/tokens/generate", () => problem(403, 'the scope "read" is not one of yours'));
    const { user } = open("/ui/tokens");
    await user.click((await screen.findAllByRole("button", { name: /Generate/ }))[0] as HTMLElement);
    const dialog = within(screen.getByRole("dialog"));
    await user.click(dialog.getByRole("button", { name: "API key" }));
    await user.selectOptions(await dialog.findByLabelText("For"), "bot");
    await user.click(dialog.getByRole("button", { name: "Chosen scopes" }));
    expect(dialog.getByText(/allows nothing/)).toBeVisible();
    await user.click(dialog.getByRole("checkbox", { name: "read" }));
    await user.click(dialog.getByRole("button", { name: "Generate" }));
    expect(registry.writes[0]?.body).toEqual({
      kind: "api_key",
      description: "",
      expires_in_hours: 2160,
      service_account: "bot",
      requested_scopes: ["read"],
    });
    expect(await dialog.findByRole("alert")).toHaveTextContent(/not one of yours/);
  });
});
