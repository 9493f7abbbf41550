/**
 * Pictures of every page, light and dark, wide and narrow, in web/screenshots/. Against MCP_E2E_URL where it is set,
 * else against the mock. `ONLY=servers,login` limits it to some.
 */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch, signIn, watch } from "./browser.mjs";
import { startMock } from "./mock-server.mjs";

const OUT = fileURLToPath(new URL("../screenshots", import.meta.url));
const SIZES = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } };
const PATIENT = { status: 200, contentType: "application/json", headers: { ETag: '"0"' } };

const problem = (route, status, title, detail) =>
  route.fulfill({
    status,
    contentType: "application/problem+json",
    headers: { "X-Request-Id": "01JD9ZQ4T7-3f9c" },
    body: JSON.stringify({ type: "about:blank", title, status, detail }),
  });
const lists = /\/api\/servers(\?|$)/;

/** Each shows one state of the application; `signedIn: false` ones come first. */
const SHOTS = [
  { name: "login", signedIn: false, at: "/ui/login" },
  {
    name: "login-wrong",
    signedIn: false,
    at: "/ui/login",
    async prepare(page) {
      await page.route("**/api/auth/providers", (route) =>
        route.fulfill({
          ...PATIENT,
          body: '{"providers":[{"name":"keycloak","display_name":"Keycloak"}],"local":true}',
        }),
      );
    },
    async act(page) {
      await page.getByLabel("Password").fill("wrong");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("is wrong").waitFor();
    },
  },
  { name: "servers", at: "/ui/", wait: "Financial Info" },
  {
    name: "servers-insecure",
    at: "/ui/",
    prepare: (page) =>
      page.route("**/api/config", (route) =>
        route.fulfill({
          ...PATIENT,
          body: '{"mode":"full","version":"0.1.0","gateway_public_url":"https://mcp.example.com","ui":{"insecure_session":true}}',
        }),
      ),
    wait: "not encrypted",
  },
  { name: "servers-no-match", at: "/ui/?q=nothing+like+this", wait: "No server matches" },
  {
    name: "servers-empty",
    at: "/ui/",
    prepare: (page) =>
      page.route(lists, (route) =>
        /wait/.test(route.request().url()) ? undefined : route.fulfill({ ...PATIENT, body: "{}" }),
      ),
    wait: "No servers yet",
  },
  { name: "servers-loading", at: "/ui/", prepare: (page) => page.route(lists, () => {}), settle: 400 },
  {
    name: "servers-error",
    at: "/ui/",
    prepare: (page) =>
      page.route(lists, (route) => problem(route, 403, "Forbidden", "your account may not list servers")),
    wait: "could not be loaded",
  },
  {
    name: "servers-menu",
    at: "/ui/",
    async act(page) {
      await page.getByRole("button", { name: "Actions for Financial Info" }).locator("visible=true").click();
      await page.getByRole("menu").waitFor();
    },
  },
  {
    name: "servers-delete",
    at: "/ui/",
    async act(page) {
      await page.getByRole("button", { name: "Actions for Legacy CRM" }).locator("visible=true").click();
      await page.getByRole("menuitem", { name: "Delete" }).click();
      await page.getByRole("alertdialog").waitFor();
    },
  },
  {
    name: "navigation",
    at: "/ui/",
    narrowOnly: true,
    async act(page) {
      await page.getByRole("button", { name: "Open navigation" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  { name: "server", at: "/ui/servers/fininfo", wait: "Connect a client", fullPage: true },
  { name: "server-public", at: "/ui/servers/docs/handbook", wait: "Connect a client", fullPage: true },
  { name: "server-missing", at: "/ui/servers/nothing/here", wait: "no such server" },
  {
    name: "server-add",
    at: "/ui/new",
    fullPage: true,
    async act(page) {
      await page.getByLabel("Name", { exact: true }).fill("Weather Service");
    },
  },
  {
    name: "server-add-errors",
    at: "/ui/new",
    fullPage: true,
    async act(page) {
      await page.getByLabel("Name", { exact: true }).fill("Weather");
      await page.getByLabel("URL").fill("https://weather.internal.example/");
      await page.getByRole("button", { name: "Add header" }).click();
      await page.getByLabel("Name of header 1").fill("Host");
      await page.getByLabel("Value of header 1").fill("weather");
      await page.getByRole("switch", { name: "Public" }).click();
      await page.getByRole("button", { name: "Add server" }).click();
      await page.getByText("Header “Host”").waitFor();
      await page.waitForTimeout(400);
    },
  },
  {
    name: "server-edit",
    at: "/ui/edit/data/warehouse",
    fullPage: true,
    async act(page) {
      await page.getByRole("button", { name: /^Advanced/ }).click();
    },
  },
  {
    name: "server-conflict",
    at: "/ui/edit/fininfo",
    async act(page, api) {
      await page.getByLabel("Description").fill("Prices, aggregates and news.");
      await api("/api/servers/fininfo", "PATCH", { tags: ["finance", "example", "prices"] });
      await page.getByText("changed this server meanwhile").waitFor();
    },
  },
  { name: "tokens-empty", at: "/ui/tokens", wait: "No tokens yet" },
  {
    name: "tokens-generate",
    at: "/ui/tokens",
    async act(page) {
      await page.getByRole("button", { name: "Generate token" }).click();
      await page.getByLabel("Description").fill("Cursor on my laptop");
    },
  },
  {
    name: "tokens-generate-key",
    at: "/ui/tokens",
    async act(page) {
      await page.getByRole("button", { name: "Generate token" }).click();
      await page.getByRole("button", { name: "API key" }).click();
      await page.getByRole("button", { name: "Chosen scopes" }).click();
    },
  },
  {
    name: "tokens-shown",
    at: "/ui/tokens",
    async act(page) {
      await page.getByRole("button", { name: "Generate token" }).click();
      await page.getByLabel("Description").fill("Cursor on my laptop");
      await page.getByRole("button", { name: "Generate", exact: true }).click();
      await page.getByText("Copy your token now").waitFor();
    },
  },
  {
    name: "tokens",
    at: "/ui/tokens",
    async act(page, api) {
      const make = (description, hours) =>
        api("/api/tokens/generate", "POST", { description, expires_in_hours: hours });
      await make("Nightly report", 24);
      await api("/api/tokens/generate", "POST", { kind: "api_key", description: "Deployments" });
      await make("Cursor on my laptop", 8);
      const [{ id }] = await page.evaluate(() => fetch("/api/tokens").then((answer) => answer.json()));
      await api(`/api/tokens/${id}`, "DELETE");
      await page.reload();
      await page.getByText("Revoked").first().waitFor();
    },
  },
  { name: "access", at: "/ui/access", wait: "Why may somebody", fullPage: true },
  {
    name: "access-refused",
    at: "/ui/access",
    fullPage: true,
    async act(page) {
      await page.getByLabel("User").fill("ada");
      await page.getByLabel("Server", { exact: true }).fill("/currenttime");
      await page.getByLabel(/^Tool/).fill("write");
      await page.getByRole("button", { name: "Explain" }).click();
      await page.getByText("may not call the tool").waitFor();
    },
  },
  {
    name: "access-mistakes",
    at: "/ui/access",
    async act(page) {
      await page.getByRole("button", { name: "Edit policy" }).click();
      const text = page.getByLabel("Policy");
      await text.fill((await text.inputValue()).replace("- server: currenttime", "- server: 5"));
      await page.getByRole("button", { name: "Save policy" }).click();
      await page.getByText("The policy was not saved").waitFor();
    },
  },
  {
    name: "users",
    at: "/ui/users",
    async act(page, api) {
      const password = "a dozen letters at least";
      await api("/api/users", "POST", { username: "ada", password, groups: ["developers", "staff"] });
      await api("/api/users", "POST", { username: "grace.hopper@example.org", password, disabled: true });
      await page.reload();
      await page.getByText("grace.hopper").waitFor();
    },
  },
  {
    name: "users-menu",
    at: "/ui/users",
    async act(page) {
      await page.getByRole("button", { name: "Actions for ada" }).click();
    },
  },
  {
    name: "users-disable",
    at: "/ui/users",
    async act(page) {
      await page.getByRole("button", { name: "Actions for ada" }).click();
      await page.getByRole("menuitem", { name: "Disable" }).click();
    },
  },
  {
    name: "users-add",
    at: "/ui/users",
    async act(page) {
      await page.getByRole("button", { name: "Add user" }).click();
      await page.getByLabel("User name").fill("ada lovelace");
      await page.getByLabel("Password", { exact: false }).fill("a dozen letters at least");
      await page.getByRole("dialog").getByRole("button", { name: "Add user" }).click();
      await page.getByText("must be a name").waitFor();
    },
  },
  {
    name: "service-accounts",
    at: "/ui/users",
    async act(page, api) {
      await api("/api/service-accounts", "POST", {
        name: "nightly-report",
        description: "Sends the figures at six",
        scopes: ["mcp-servers-restricted/read"],
        groups: ["automation"],
      });
      await page.getByRole("button", { name: "Service accounts" }).click();
      await page.getByText("nightly-report").waitFor();
    },
  },
  {
    name: "users-end",
    at: "/ui/users",
    async act(page) {
      await page.getByRole("button", { name: "Actions for ada" }).click();
      await page.getByRole("menuitem", { name: "End all credentials" }).click();
    },
  },
  {
    name: "users-end-by-name",
    at: "/ui/users",
    async act(page) {
      await page.getByRole("button", { name: "End credentials" }).click();
      await page.getByLabel("User name").fill("grace");
      await page.getByRole("dialog").getByRole("button", { name: "End all credentials" }).click();
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "gateways-empty",
    at: "/ui/gateways",
    fullPage: true,
    prepare: (page) =>
      page.route("**/api/gateways", (route) =>
        route.fulfill({ ...PATIENT, body: '{"gateways":[],"credentials":[],"identity_keys":[]}' }),
      ),
    wait: "There is none",
  },
  {
    name: "gateways",
    at: "/ui/gateways",
    fullPage: true,
    async act(page, api) {
      await api("/api/gateways", "POST", { name: "nginx-1" });
      await api("/api/gateways", "POST", { name: "envoy.eu-west.example.org", sends_body: true });
      await page.reload();
      await page.getByText("nginx-1").waitFor();
    },
  },
  {
    name: "gateways-add",
    at: "/ui/gateways",
    async act(page) {
      await page.getByRole("button", { name: "Add credential" }).click();
      await page.getByLabel("Name").fill("haproxy 1");
      await page.getByRole("dialog").getByRole("button", { name: "Add credential" }).click();
      await page.getByText("must be a name").waitFor();
    },
  },
  {
    name: "gateways-shown",
    at: "/ui/gateways",
    async act(page, api) {
      await api("/api/gateways/haproxy-1", "DELETE");
      await page.getByRole("button", { name: "Add credential" }).click();
      await page.getByLabel("Name").fill("haproxy-1");
      await page.getByRole("dialog").getByRole("button", { name: "Add credential" }).click();
      await page.getByText("Copy the credential now").waitFor();
    },
  },
  {
    name: "gateways-remove",
    at: "/ui/gateways",
    async act(page) {
      await page
        .getByRole("button", { name: /^Remove / })
        .first()
        .click();
      await page.getByRole("alertdialog").waitFor();
    },
  },
  {
    name: "gateways-forget",
    at: "/ui/gateways",
    async act(page) {
      await page
        .getByRole("button", { name: /^Forget / })
        .first()
        .click();
      await page.getByRole("alertdialog").waitFor();
    },
  },
  { name: "audit", at: "/ui/audit", wait: "session.login", fullPage: true },
  {
    name: "audit-details",
    at: "/ui/audit?kind=change",
    async act(page) {
      await page.getByText("session.login").first().waitFor();
      await page.getByText("Details").first().click();
    },
  },
  { name: "audit-nothing", at: "/ui/audit?request_id=no-such-request", wait: "Nothing matches" },
  { name: "api", at: "/ui/api", wait: "/api/servers/{id}" },
  {
    name: "api-open",
    at: "/ui/api",
    fullPage: true,
    async act(page) {
      await page
        .getByRole("button", { name: /^get \/api\/servers(?!\/)/i })
        .first()
        .click();
    },
  },
  { name: "not-found", at: "/ui/nowhere", wait: "no such page" },
];

const only = process.env.ONLY?.split(",") ?? [];
const mock = process.env.MCP_E2E_URL ? null : await startMock();
const origin = process.env.MCP_E2E_URL ?? mock.url;
const password = process.env.MCP_E2E_PASSWORD ?? "secret";
const browser = await launch();
let faults = 0;
mkdirSync(OUT, { recursive: true });

for (const theme of ["light", "dark"]) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    mock?.api.tokens.clear();
    mock?.api.accounts.users.clear();
    mock?.api.accounts.accounts.clear();
    mock?.api.gateways.credentials.clear();
    for (const shot of SHOTS) {
      if ((only.length > 0 && !only.includes(shot.name)) || (shot.narrowOnly && size === "wide")) continue;
      const context = await browser.newContext({
        // A browser has no variable for a private authority.
        ignoreHTTPSErrors: true,
        viewport,
        colorScheme: theme,
        deviceScaleFactor: size === "wide" ? 1 : 2,
        reducedMotion: "reduce",
      });
      const page = await context.newPage();
      const found = await watch(page, origin);
      if (shot.signedIn !== false) await signIn(page, origin, password);
      await shot.prepare?.(page);
      await page.goto(origin + shot.at);
      if (shot.wait) await page.getByText(shot.wait).locator("visible=true").first().waitFor();
      const api = (path, method, json) =>
        page.evaluate(
          ([p, m, j]) =>
            fetch(p, {
              method: m,
              headers: { "Content-Type": "application/json" },
              body: JSON.stringify(j),
            }).then((r) => r.status),
          [path, method, json],
        );
      await shot.act?.(page, api);
      await page.waitForTimeout(shot.settle ?? 250);
      await page.screenshot({
        path: `${OUT}/${shot.name}-${theme}-${size}.png`,
        fullPage: shot.fullPage ?? false,
      });
      for (const fault of found) console.error(`${shot.name} ${theme} ${size}: ${fault}`);
      faults += found.length;
      await context.close();
    }
  }
}

await browser.close();
await mock?.stop();
console.log(faults === 0 ? `Pictures are in ${OUT}` : `${faults} faults`);
process.exitCode = faults === 0 ? 0 : 1;
