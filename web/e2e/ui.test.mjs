/**
 * The UI in a real browser. Against MCP_E2E_URL with MCP_E2E_PASSWORD where they are set, else against the mock.
 * Every test signs in by itself and makes its own server, so that they need no order and a used registry does no harm.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { launch, signIn, watch } from "./browser.mjs";
import { startMock } from "./mock-server.mjs";

const password = process.env.MCP_E2E_PASSWORD ?? "secret";
let mock;
let origin;
let browser;
let api;

before(async () => {
  mock = process.env.MCP_E2E_URL ? null : await startMock();
  origin = (process.env.MCP_E2E_URL ?? mock.url).replace(/\/+$/, "");
  browser = await launch();
  api = await otherClient();
});

after(async () => {
  await browser?.close();
  await mock?.stop();
});

/** Somebody else with a token: what they do, the page has to notice. */
async function otherClient() {
  const credentials = { username: "admin", password };
  const login = await fetch(`${origin}/api/auth/login`, json("POST", credentials));
  assert.equal(login.status, 200, "the other client signs in");
  const cookie = login.headers
    .getSetCookie()
    .map((value) => value.split(";")[0])
    .join("; ");
  const { csrf_token } = await login.json();
  const headers = { cookie, "X-CSRF-Token": csrf_token };
  const generated = await fetch(
    `${origin}/api/tokens/generate`,
    json("POST", { description: "e2e", expires_in_hours: 1 }, headers),
  );
  assert.equal(generated.status, 200, "the other client gets a token");
  const token = (await generated.json()).tokens.access_token;
  return (method, path, body) =>
    fetch(origin + path, json(method, body, { Authorization: `Bearer ${token}` }));
}

const json = (method, body, headers = {}) => ({
  method,
  headers: { "Content-Type": "application/json", ...headers },
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
});

/** A path and a name nobody else uses. */
function fresh(label) {
  const id = randomBytes(4).toString("hex");
  return {
    name: `E2E ${label} ${id}`,
    path: `/e2e-${label.toLowerCase()}-${id}`,
    id: `e2e-${label.toLowerCase()}-${id}`,
  };
}

async function register(subject, more = {}) {
  const definition = {
    server_name: subject.name,
    path: subject.path,
    proxy_pass_url: "http://127.0.0.1:9/",
    ...more,
  };
  const answer = await api("POST", "/api/servers", definition);
  assert.equal(answer.status, 200, await answer.text());
}

/** Runs with a page of its own, and fails on any console error, policy violation or request to somewhere else. */
async function withPage(run, options = {}) {
  const context = await browser.newContext({
    // A browser has no variable for a private authority.
    ignoreHTTPSErrors: true,
    viewport: { width: 1440, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults = await watch(page, origin);
  try {
    await run(page);
    assert.deepEqual(faults, []);
  } finally {
    await context.close();
  }
}

const signedIn = (run, options) =>
  withPage(async (page) => {
    await signIn(page, origin, password);
    await page.locator("[data-live=live]").locator("visible=true").waitFor();
    await run(page);
  }, options);

const row = (page, path) => page.locator(`[data-path="${path}"]`).locator("visible=true");
const find = (page, text) => page.getByRole("searchbox", { name: "Search servers" }).fill(text);

describe("signing in", () => {
  test("refuses a wrong password and accepts the right one, then returns to the page asked for", () =>
    withPage(async (page) => {
      await page.goto(`${origin}/ui/tokens`);
      await page.waitForURL(/\/ui\/login/);
      await page.getByText("admin-password").waitFor();
      await page.getByLabel("Password").fill("certainly-wrong");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("User name or password is wrong").waitFor();
      await page.getByLabel("Password").fill(password);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Access tokens" }).waitFor();
    }));

  test("ends the session on sign out", () =>
    signedIn(async (page) => {
      await page.getByRole("button", { name: /^admin/i }).click();
      await page.getByRole("menuitem", { name: "Sign out" }).click();
      await page.getByLabel("Password").waitFor();
      await page.goto(`${origin}/ui/`);
      await page.waitForURL(/\/ui\/login/);
    }));
});

describe("servers", () => {
  test("adds a server whose path follows its name, and shows how to connect", () =>
    signedIn(async (page) => {
      const { name, path } = fresh("Added");
      await page.keyboard.press("n");
      await page.getByLabel("Name", { exact: true }).fill(name);
      assert.equal(await page.getByLabel("Path").inputValue(), path);
      await page.getByLabel("URL").fill("http://127.0.0.1:8000/");
      await page.getByLabel("Tags").fill("e2e,");
      await page.getByRole("button", { name: "Add server" }).click();
      await page.getByRole("heading", { name }).waitFor();
      await page.getByText(`${path}/mcp`).first().waitFor();
      await page.getByRole("tab", { name: "curl" }).click();
      await page.getByText("Accept: application/json, text/event-stream").waitFor();
      assert.equal((await api("GET", `/api/servers${path}`)).status, 200);
      await api("DELETE", `/api/servers${path}`);
    }));

  test("shows a path that is taken and leads to the server there", () =>
    signedIn(async (page) => {
      const subject = fresh("Taken");
      await register(subject);
      await page.goto(`${origin}/ui/new`);
      await page.getByLabel("Name", { exact: true }).fill(subject.name);
      await page.getByLabel("URL").fill("http://127.0.0.1:8000/");
      await page.getByRole("button", { name: "Add server" }).click();
      await page.getByText("is taken").waitFor();
      await page.getByRole("link", { name: "Open that server" }).click();
      await page.getByRole("heading", { name: subject.name }).waitFor();
      await api("DELETE", `/api/servers${subject.path}`);
    }));

  test("shows what another client adds, changes and removes, without a reload", () =>
    signedIn(async (page) => {
      const subject = fresh("Live");
      await page.evaluate(() => Object.assign(window, { notReloaded: true }));
      await register(subject, { description: "before" });
      await row(page, subject.path).getByText("before").waitFor();
      await api("PATCH", `/api/servers${subject.path}`, { description: "after" });
      await row(page, subject.path).getByText("after").waitFor();
      assert.match(await row(page, subject.path).getAttribute("class"), /flash/);
      await api("DELETE", `/api/servers${subject.path}`);
      await row(page, subject.path).waitFor({ state: "detached" });
      assert.equal(await page.evaluate(() => window.notReloaded), true);
    }));

  test("puts the registry's objection beside its field and saves once it is mended", () =>
    signedIn(async (page) => {
      const subject = fresh("Edited");
      await register(subject);
      await page.goto(`${origin}/ui/edit${subject.path}`);
      await page.getByRole("button", { name: /^Advanced/ }).click();
      const limit = page.getByLabel("Call limit");
      await limit.fill("100000");
      await page.getByRole("button", { name: /^Advanced/ }).click();
      await page.getByRole("button", { name: "Save changes" }).click();
      await page.locator("[aria-invalid=true]").waitFor();
      assert.equal(await limit.getAttribute("aria-invalid"), "true");
      assert.match(await limit.getAttribute("aria-describedby"), /-error/);
      await limit.fill("30");
      await page.getByLabel("URL").fill("http://127.0.0.1:8123/");
      await page.getByRole("button", { name: "Save changes" }).click();
      await page.getByRole("heading", { name: subject.name, exact: true }).waitFor();
      await page.getByText("http://127.0.0.1:8123/").first().waitFor();
      await api("DELETE", `/api/servers${subject.path}`);
    }));

  test("keeps a stored header value that was not touched, and never shows it", () =>
    signedIn(async (page) => {
      const subject = fresh("Header");
      await register(subject, { headers: [{ Authorization: "very-secret-value" }] });
      await page.goto(`${origin}/ui/edit${subject.path}`);
      await page.getByLabel("Description").fill("with a header");
      assert.equal(await page.getByLabel("Value of header 1").inputValue(), "");
      await page.getByRole("button", { name: "Save changes" }).click();
      await page.getByText("with a header").waitFor();
      assert.equal((await page.content()).includes("very-secret-value"), false);
      const stored = await (await api("GET", `/api/servers${subject.path}`)).json();
      assert.deepEqual(stored.headers, [{ Authorization: "***" }]);
      await api("DELETE", `/api/servers${subject.path}`);
    }));

  test("notices that somebody else changed the server, and keeps both changes", () =>
    signedIn(async (page) => {
      const subject = fresh("Conflict");
      await register(subject);
      await page.goto(`${origin}/ui/edit${subject.path}`);
      await page.getByLabel("Description").fill("mine");
      await api("PATCH", `/api/servers${subject.path}`, { tags: ["theirs"] });
      await page.getByText("changed this server meanwhile").waitFor();
      await page.getByRole("button", { name: "Load theirs, keep my edits" }).click();
      await page.getByRole("button", { name: "Remove tag theirs" }).waitFor();
      await page.getByRole("button", { name: "Save changes" }).click();
      await page.getByRole("heading", { name: subject.name, exact: true }).waitFor();
      const stored = await (await api("GET", `/api/servers${subject.path}`)).json();
      assert.deepEqual([stored.description, stored.tags], ["mine", ["theirs"]]);
      await api("DELETE", `/api/servers${subject.path}`);
    }));

  test("switches a server off and on, and takes it back when the registry refuses", () =>
    signedIn(async (page) => {
      const subject = fresh("Switched");
      await register(subject);
      await find(page, subject.name);
      const enabled = row(page, subject.path).getByRole("switch");
      const stored = async () => (await (await api("GET", `/api/servers${subject.path}`)).json()).enabled;
      await Promise.all([
        page.waitForResponse((answer) => answer.request().method() === "PATCH"),
        enabled.click(),
      ]);
      assert.equal(await enabled.getAttribute("aria-checked"), "false");
      assert.equal(await stored(), false);
      await Promise.all([
        page.waitForResponse((answer) => answer.request().method() === "PATCH"),
        enabled.click(),
      ]);
      assert.equal(await stored(), true);
      await page.route(`**/api/servers/${subject.id}`, (route) =>
        route.fulfill({
          status: 403,
          contentType: "application/problem+json",
          body: '{"title":"Forbidden","status":403}',
        }),
      );
      await enabled.click();
      await page.getByText("could not be disabled").first().waitFor();
      assert.equal(await enabled.getAttribute("aria-checked"), "true");
      await api("DELETE", `/api/servers${subject.path}`);
    }));

  test("deletes only after a confirmation that names the server", () =>
    signedIn(async (page) => {
      const subject = fresh("Deleted");
      await register(subject);
      await find(page, subject.name);
      const open = async () => {
        await row(page, subject.path)
          .getByRole("button", { name: /^Actions/ })
          .click();
        await page.getByRole("menuitem", { name: "Delete" }).click();
        await page.getByRole("alertdialog").getByText(subject.name).waitFor();
      };
      await open();
      await page.keyboard.press("Escape");
      assert.equal((await api("GET", `/api/servers${subject.path}`)).status, 200);
      await open();
      await page.getByRole("button", { name: "Delete server" }).click();
      await row(page, subject.path).waitFor({ state: "detached" });
      assert.equal((await api("GET", `/api/servers${subject.path}`)).status, 404);
    }));

  test("shows hostile names as text, with hidden characters made visible", () =>
    signedIn(async (page) => {
      const subject = fresh("Hostile");
      const payload = `<img src=x onerror="window.pwned=1"> ${subject.id} {{7*7}}`;
      const answer = await api("POST", "/api/servers", {
        server_name: `${payload} \u202Eevil`,
        path: subject.path,
        description: "</script><script>window.pwned=1</script>",
        proxy_pass_url: "http://127.0.0.1:9/",
        tags: ["javascript:alert(1)"],
      });
      if (answer.status === 422) {
        // A registry that refuses such a name at the door is safe too.
        await register(subject, { description: payload });
      }
      await find(page, subject.id);
      await row(page, subject.path).waitFor();
      if (answer.status === 200) await row(page, subject.path).getByText("U+202E").waitFor();
      await page.goto(`${origin}/ui/servers${subject.path}`);
      await page.getByText("Connect a client").waitFor();
      assert.equal(await page.evaluate(() => window.pwned), undefined);
      assert.equal(await page.locator("main img").count(), 0);
      await api("DELETE", `/api/servers${subject.path}`);
    }));

  test("says that it reconnects when the registry stops answering, and recovers by itself", () =>
    signedIn(async (page) => {
      const subject = fresh("Back");
      await page.route(/\/api\/servers(\?|$)/, (route) => route.fulfill({ status: 503, body: "" }));
      await api("PATCH", `/api/servers${subject.path}`, { description: "nobody" });
      await register(subject);
      await page.locator("[data-live=reconnecting]").locator("visible=true").waitFor();
      await page.unroute(/\/api\/servers(\?|$)/);
      await page.locator("[data-live=live]").locator("visible=true").waitFor();
      await row(page, subject.path).waitFor();
      await api("DELETE", `/api/servers${subject.path}`);
    }));
});

describe("tokens", () => {
  test("generates a token that works, shows it once and revokes it", () =>
    signedIn(async (page) => {
      const { name } = fresh("Token");
      await page.getByRole("link", { name: "Access tokens" }).click();
      await page.getByRole("button", { name: "Generate token" }).click();
      await page.getByLabel("Description").fill(name);
      await page.getByRole("button", { name: "Generate", exact: true }).click();
      const token = await page.locator("[data-slot=secret]").textContent();
      const use = () => fetch(`${origin}/api/servers`, { headers: { Authorization: `Bearer ${token}` } });
      assert.equal((await use()).status, 200);
      await page.getByRole("button", { name: "Done" }).click();
      await page.getByText(name).waitFor();
      assert.equal((await page.content()).includes(token), false);
      await page.locator("li", { hasText: name }).getByRole("button", { name: "Revoke" }).click();
      await page.getByRole("button", { name: "Revoke token" }).click();
      await page.locator("li", { hasText: name }).getByText("Revoked").waitFor();
      assert.equal((await use()).status, 401);
    }));
});

describe("users", () => {
  test("adds a user who can sign in until they are disabled, and removes them", () =>
    signedIn(async (page) => {
      const { id: name } = fresh("User");
      const password = "a dozen letters at least";
      await page.getByRole("link", { name: "Users" }).click();
      await page.getByRole("button", { name: "Add user" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("User name").fill(name);
      await dialog.getByLabel("Groups").fill("staff,");
      await dialog.getByLabel("Password").fill(password);
      await dialog.getByRole("button", { name: "Add user" }).click();
      const row = page.locator("main li", { hasText: name });
      await row.getByText("staff").waitFor();
      await page.getByRole("button", { name: `Actions for ${name}` }).click();
      await page.getByRole("menuitem", { name: "Disable" }).click();
      await page.getByRole("button", { name: "Disable", exact: true }).click();
      await row.getByText("Disabled").waitFor();
      if (!mock) {
        const login = json("POST", { username: name, password });
        assert.equal((await fetch(`${origin}/api/auth/login`, login)).status, 401);
      }
      await page.getByRole("button", { name: `Actions for ${name}` }).click();
      await page.getByRole("menuitem", { name: "Remove" }).click();
      await page.getByRole("button", { name: "Remove", exact: true }).click();
      await row.waitFor({ state: "detached" });
    }));

  test("ends all credentials of a user, and says how many there were", () =>
    signedIn(async (page) => {
      const { id: name } = fresh("Ended");
      const user = { username: name, password: "a dozen letters at least", groups: [] };
      assert.equal((await api("POST", "/api/users", user)).status, 201);
      let me;
      if (!mock) {
        const login = await fetch(`${origin}/api/auth/login`, json("POST", user));
        const cookie = login.headers.getSetCookie().map((value) => value.split(";")[0]);
        me = () => fetch(`${origin}/api/auth/me`, { headers: { cookie: cookie.join("; ") } });
        assert.equal((await me()).status, 200);
      }
      await page.getByRole("link", { name: "Users" }).click();
      await page.getByRole("button", { name: `Actions for ${name}` }).click();
      await page.getByRole("menuitem", { name: "End all credentials" }).click();
      await page.getByRole("alertdialog").getByText("for good").waitFor();
      await page.getByRole("button", { name: "End all credentials" }).click();
      await page.getByText(`The credentials of ${name} ended`).first().waitFor();
      await page
        .getByText(`${mock ? "0 sessions" : "1 session"}, 0 tokens`)
        .first()
        .waitFor();
      if (!mock) assert.equal((await me()).status, 401);
      await page.getByRole("button", { name: "End credentials" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("User name").fill("nobody-like-this");
      await dialog.getByRole("button", { name: "End all credentials" }).click();
      await dialog.getByRole("alert").getByText("nobody-like-this").waitFor();
      await dialog.getByRole("button", { name: "Cancel" }).click();
      assert.equal((await api("DELETE", `/api/users/${name}`)).status, 204);
    }));

  test("makes a service account and an API key for it", () =>
    signedIn(async (page) => {
      const { id: name } = fresh("Bot");
      await page.getByRole("link", { name: "Users" }).click();
      await page.getByRole("button", { name: "Service accounts" }).click();
      await page.getByRole("button", { name: "Add service account" }).first().click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Name").fill(name);
      await dialog.getByRole("button", { name: "Add service account" }).click();
      await page.locator("main li", { hasText: name }).waitFor();
      await page.getByRole("link", { name: "Access tokens" }).click();
      await page.getByRole("button", { name: "Generate token" }).click();
      await page.getByRole("button", { name: "API key" }).click();
      await page.getByLabel("Description").fill(name);
      await page.getByLabel("For").selectOption(name);
      await page.getByRole("button", { name: "Generate", exact: true }).click();
      const key = await page.locator("[data-slot=secret]").textContent();
      assert.match(key, /^mcpk_[0-9a-f]{16}_[0-9a-f]{64}_[0-9a-f]{8}$/);
      const me = await fetch(`${origin}/api/auth/me`, { headers: { Authorization: `Bearer ${key}` } });
      assert.equal((await me.json()).username, name);
      assert.equal((await api("DELETE", `/api/service-accounts/${name}`)).status, 204);
    }));
});

describe("gateways", () => {
  test("adds a credential, shows it once and removes it", () =>
    signedIn(async (page) => {
      const { id: name } = fresh("Gateway");
      const stored = async () => (await (await api("GET", "/api/gateways")).json()).credentials;
      await page.getByRole("link", { name: "Gateways" }).click();
      await page.getByRole("button", { name: "Add credential" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Name").fill("not a name");
      await dialog.getByRole("button", { name: "Add credential" }).click();
      await dialog.getByText("must be a name").waitFor();
      await dialog.getByLabel("Name").fill(name);
      await dialog.getByRole("switch", { name: "Sends bodies" }).click();
      await dialog.getByRole("button", { name: "Add credential" }).click();
      const secret = await page.locator("[data-slot=secret]").textContent();
      assert.match(secret, /^mcpg_[0-9a-f]{16}_[0-9a-f]{64}_[0-9a-f]{8}$/);
      await page.getByRole("button", { name: "Done" }).click();
      const row = page.locator("main li", { hasText: name });
      await row.getByText("Sends bodies").waitFor();
      await row.getByText(secret.split("_")[1]).waitFor();
      assert.equal((await page.content()).includes(secret), false);
      const one = (await stored()).find((credential) => credential.name === name);
      assert.equal(one.sends_body, true);
      await row.getByRole("button", { name: `Remove ${name}` }).click();
      await page.getByRole("button", { name: "Remove credential" }).click();
      await row.waitFor({ state: "detached" });
      assert.equal(
        (await stored()).some((credential) => credential.name === name),
        false,
      );
    }));
});

describe("every page", () => {
  for (const [theme, viewport] of [
    ["light", { width: 1440, height: 900 }],
    ["dark", { width: 360, height: 740 }],
  ]) {
    test(`opens without a console error, a policy violation or a sideways scroll: ${theme}, ${viewport.width} wide`, () =>
      signedIn(
        async (page) => {
          const subject = fresh("Page");
          await register(subject, { description: "word ".repeat(60), tags: ["a".repeat(60)] });
          for (const at of [
            "/",
            `/servers${subject.path}`,
            `/edit${subject.path}`,
            "/new",
            "/tokens",
            "/users",
            "/gateways",
            "/audit",
            "/api",
            "/nowhere",
          ]) {
            await page.goto(`${origin}/ui${at}`);
            await page.getByRole("heading").first().waitFor();
            await page.waitForLoadState("load");
            const [inner, content] = await page.evaluate(() => [
              innerWidth,
              document.documentElement.scrollWidth,
            ]);
            assert.ok(content <= inner, `${at} is ${content} wide in a window of ${inner}`);
          }
          await page.goto(`${origin}/ui/api`);
          await page
            .getByRole("button", { name: /^post \/api\/servers/i })
            .first()
            .click();
          await page.getByText("Request body").waitFor();
          await api("DELETE", `/api/servers${subject.path}`);
        },
        { viewport, colorScheme: theme },
      ));
  }

  test("keeps the chosen theme over a reload, before the first paint", () =>
    signedIn(async (page) => {
      const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
      assert.equal(await theme(), "light");
      await page.getByRole("button", { name: /^admin/i }).click();
      await page.getByRole("menuitemradio", { name: "Dark" }).click();
      assert.equal(await theme(), "dark");
      await page.reload({ waitUntil: "commit" });
      await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
    }));
});

describe("access", () => {
  test("shows the policy, refuses a mistake and explains a refusal", () =>
    signedIn(async (page) => {
      await page.getByRole("link", { name: "Access", exact: true }).click();
      await page.getByRole("heading", { name: "Access", exact: true }).waitFor();
      await page.locator('[data-scope="mcp-registry-admin"]').getByText("Administers the registry").waitFor();
      await page.getByRole("button", { name: "Edit policy" }).click();
      const text = page.getByLabel("Policy");
      await text.fill(`${await text.inputValue()}e2e-mistake:\n- server: 5\n`);
      const refused = page.waitForResponse((answer) => answer.request().method() === "PUT");
      await page.getByRole("button", { name: "Save policy" }).click();
      assert.equal((await refused).status(), 422);
      await page.getByText("The policy was not saved").waitFor();
      await page
        .getByText("must be a server’s path")
        .or(page.getByText("Must be a server's path"))
        .first()
        .waitFor();
      await page.getByRole("button", { name: "Cancel" }).click();
      await page.getByLabel("Server", { exact: true }).fill("/nothing-like-this");
      await page.getByLabel(/^Tool/).fill("write");
      await page.getByRole("button", { name: "Explain" }).click();
      await page.getByText("Refused", { exact: true }).waitFor();
    }));
});

describe("audit", () => {
  test("shows who changed a server and which fields, by the server and by the request", () =>
    signedIn(async (page) => {
      const subject = fresh("Audit");
      await register(subject);
      const changed = await api("PATCH", `/api/servers${subject.path}`, { tags: ["audited"] });
      assert.equal(changed.status, 200);
      await page.getByRole("link", { name: "Audit", exact: true }).click();
      await page.getByRole("heading", { name: "Audit", exact: true }).waitFor();
      if (mock) {
        await page.getByLabel("Decision").selectOption("deny");
        await page.getByRole("button", { name: "Search" }).click();
        await page.getByText("forbidden").waitFor();
        assert.match(page.url(), /decision=deny/);
        return;
      }
      await page.getByLabel("Server").fill(subject.path);
      await page.getByRole("button", { name: "Search" }).click();
      const entries = page.getByRole("list", { name: "Entries" }).getByRole("listitem");
      await entries.filter({ hasText: "server.create" }).waitFor();
      await entries.filter({ hasText: "server.update" }).getByText("tags").waitFor();
      await page.goto(`${origin}/ui/audit?request_id=${changed.headers.get("X-Request-Id")}`);
      await entries.filter({ hasText: "server.update" }).waitFor();
      assert.equal(await entries.count(), 1);
      assert.equal((await api("DELETE", `/api/servers${subject.path}`)).status, 204);
    }));
});
