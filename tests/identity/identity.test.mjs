// Logging in, programs, key rotation, log-out and an absent provider, with a real OpenID provider and
// a real browser. The steps build on each other.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { call, PASSWORD, startMcp, startServer, until } from "./mcp.mjs";
import { AUDIENCE, Idp, M2M, SECRET, WEB } from "./provider.mjs";

let idp, mcp, server, browser, context, page;

before(async () => {
  idp = await Idp.start();
  mcp = await startMcp({
    OIDC_ISSUER: idp.issuer,
    OIDC_CLIENT_ID: WEB,
    OIDC_CLIENT_SECRET: SECRET,
    OIDC_AUDIENCE: AUDIENCE,
  });
  server = await startServer();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  });
  context = await browser.newContext();
  page = await context.newPage();
});

after(async () => {
  await browser?.close();
  await mcp?.stop();
  server?.stop();
});

/** Goes through the provider's own pages. */
async function signIn(user) {
  await page.goto(`${mcp.base}/ui/login`);
  await page.getByRole("link", { name: /Continue with/ }).click();
  await page.waitForURL(`${idp.issuer}/**`);
  await page.locator("input[name=login]").fill(user);
  await page.locator("input[name=password]").fill("anything");
  await page.locator("button[type=submit]").click();
  await page.waitForURL((url) => !url.pathname.endsWith("/login"));
  if (page.url().startsWith(idp.issuer)) await page.locator("button[type=submit]").click();
  await page.waitForURL(`${mcp.base}/ui/**`);
}

const me = async () => {
  const answer = await context.request.get(`${mcp.base}/api/auth/me`);
  return answer.ok() ? answer.json() : null;
};

test("a provider that does not answer yet stops nothing but the login", async () => {
  assert.equal((await fetch(`${mcp.base}/ready`)).status, 200);
  const login = await fetch(`${mcp.base}/oauth2/login/oidc`, { redirect: "manual" });
  assert.equal(login.status, 503);
  idp.configure(mcp.base);
  await until("the login is there", async () => {
    const login = await fetch(`${mcp.base}/oauth2/login/oidc`, { redirect: "manual" });
    return login.status === 303;
  });
});

test("a person logs in with the browser and has the provider's groups", async () => {
  await signIn("admin");
  const who = await me();
  assert.equal(who.username, "admin");
  assert.equal(who.provider, "oidc");
  assert.deepEqual(who.groups, ["mcp-registry-admin"]);
  // The provider's own lie on the same host.
  const cookies = (await context.cookies(mcp.base)).filter(({ name }) => name.includes("mcp_gateway"));
  assert.deepEqual(
    cookies.map((cookie) => [cookie.name, cookie.httpOnly, cookie.sameSite]),
    [["mcp_gateway_session", true, "Lax"]],
  );
});

test("a program uses the gateway with a client-credentials token", async () => {
  const login = await fetch(`${mcp.base}/api/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "admin", password: PASSWORD }),
  });
  const { csrf_token } = await login.json();
  const added = await fetch(`${mcp.base}/api/servers`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-csrf-token": csrf_token,
      cookie: login.headers.get("set-cookie").split(";")[0],
    },
    body: JSON.stringify({ path: "/echo", server_name: "Echo", proxy_pass_url: server.url }),
  });
  assert.equal(added.status, 200, await added.text());
  const answer = await call(mcp.base, "/echo/mcp", await idp.token());
  assert.equal(answer.status, 200, await answer.clone().text());
  const { result } = await answer.json();
  assert.equal(result.user, M2M);
  assert.equal(result.authorization, null);
});

test("a token for somebody else does not count, one for the very server does", async () => {
  const other = await idp.token("mcp-registry-admin", "https://other.example/mcp");
  assert.equal((await call(mcp.base, "/echo/mcp", other)).status, 401);
  const exact = await idp.token("mcp-registry-admin", `${mcp.base}/echo/mcp`);
  assert.equal((await call(mcp.base, "/echo/mcp", exact)).status, 200);
});

test("a client finds out who gives tokens", async () => {
  const refused = await call(mcp.base, "/echo/mcp");
  assert.equal(refused.status, 401);
  const [, url] = /resource_metadata="([^"]+)"/.exec(refused.headers.get("www-authenticate"));
  const metadata = await (await fetch(url)).json();
  assert.equal(metadata.resource, `${mcp.base}/echo/mcp`);
  assert.deepEqual(metadata.authorization_servers, [idp.issuer]);
  const root = await fetch(`${mcp.base}/.well-known/oauth-protected-resource`);
  assert.equal(root.status, 404);
});

test("keys rotate under load without one refusal", async () => {
  const statuses = new Map();
  const reads = idp.keySetReads;
  let running = true;
  const caller = async () => {
    while (running) {
      const { status } = await call(mcp.base, "/echo/mcp", await idp.token());
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const callers = Array.from({ length: 8 }, caller);
  for (let rotation = 0; rotation < 3; rotation += 1) {
    const seen = statuses.get(200) ?? 0;
    await until("calls go on", async () => (statuses.get(200) ?? 0) > seen + 50);
    idp.rotate();
  }
  const seen = statuses.get(200);
  await until("calls go on", async () => statuses.get(200) > seen + 50);
  running = false;
  await Promise.all(callers);
  assert.deepEqual([...statuses.keys()], [200], JSON.stringify([...statuses]));
  assert.ok(idp.keySetReads - reads <= 8, `${idp.keySetReads - reads} reads of the key set`);
});

test("logging out here logs out at the provider", async () => {
  // The provider has forgotten its own sessions with its old keys.
  await context.clearCookies();
  await signIn("admin");
  assert.ok(await me());
  await page.evaluate(() => window.location.assign("/oauth2/logout/oidc"));
  await page.waitForURL(`${idp.issuer}/session/end**`);
  await page.locator("button[value=yes]").click();
  await page.waitForURL(`${mcp.base}/**`);
  assert.equal(await me(), null);
});

test("logging out at the provider logs out here", async () => {
  await signIn("reader");
  assert.equal((await me()).username, "reader");
  await page.goto(`${idp.issuer}/session/end`);
  await page.locator("button[value=yes]").click();
  await until("the session has ended", async () => (await me()) === null);
});

test("without the provider, tokens and sessions go on", async () => {
  await signIn("admin");
  const token = await idp.token();
  await idp.stop();
  assert.equal((await call(mcp.base, "/echo/mcp", token)).status, 200);
  assert.equal((await me()).username, "admin");
  assert.equal((await fetch(`${mcp.base}/ready`)).status, 200);
  for (const secret of [SECRET, PASSWORD, token]) assert.ok(!mcp.log().includes(secret));
});
