// Logging in, programs, key rotation, log-out and an absent provider, with a real OpenID provider and
// a real browser. The steps build on each other.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { addServers, call, PASSWORD, rotateUnderLoad, startMcp, startServer, startTime, until } from "./mcp.mjs";
import { launch, Person } from "./person.mjs";
import { AUDIENCE, Idp, M2M, SECRET, WEB } from "./provider.mjs";

let idp, mcp, server, time, browser, person;

before(async () => {
  idp = await Idp.start();
  mcp = await startMcp({
    OIDC_ISSUER: idp.issuer,
    OIDC_CLIENT_ID: WEB,
    OIDC_CLIENT_SECRET: SECRET,
    OIDC_AUDIENCE: AUDIENCE,
  });
  [server, time] = await Promise.all([startServer(), startTime()]);
  browser = await launch();
  person = await newPerson();
});

after(async () => {
  await browser?.close();
  await mcp?.stop();
  server?.stop();
  time?.stop();
});

const newPerson = () =>
  Person.at(browser, mcp.base, idp.issuer, async (page, user) => {
    await page.locator("input[name=login]").fill(user);
    await page.locator("input[name=password]").fill("anything");
    await page.locator("button[type=submit]").click();
    await page.waitForURL((url) => !url.pathname.endsWith("/login"));
    if (page.url().startsWith(idp.issuer)) await page.locator("button[type=submit]").click();
  });

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
  await person.signIn("admin");
  const who = await person.me();
  assert.equal(who.username, "admin");
  assert.equal(who.provider, "oidc");
  assert.deepEqual(who.groups, ["mcp-registry-admin"]);
  // The provider's own lie on the same host.
  const cookies = (await person.context.cookies(mcp.base)).filter(({ name }) => name.includes("mcp_gateway"));
  assert.deepEqual(
    cookies.map((cookie) => [cookie.name, cookie.httpOnly, cookie.sameSite]),
    [["mcp_gateway_session", true, "Lax"]],
  );
});

test("a group opens what its scopes allow, and nobody else gets it", async () => {
  await addServers(mcp.base, { "/echo": server.url, "/time": time.url });
  const expected = {
    admin: { sees: ["/echo", "/time"], policy: 200, time: /UTC/, echo: 200 },
    reader: { sees: ["/time"], policy: 403, time: /UTC/, echo: 403 },
    outsider: { sees: [], policy: 403, time: /^403$/, echo: 403 },
  };
  for (const [user, wanted] of Object.entries(expected)) {
    const somebody = await newPerson();
    await somebody.signIn(user);
    const rights = await somebody.rights();
    assert.match(`${rights.time}`, wanted.time, user);
    assert.deepEqual({ ...rights, time: wanted.time }, wanted, user);
  }
});

test("a program uses the gateway with a client-credentials token", async () => {
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
  const reads = idp.keySetReads;
  const statuses = await rotateUnderLoad(mcp.base, idp);
  assert.deepEqual([...statuses.keys()], [200], JSON.stringify([...statuses]));
  assert.ok(idp.keySetReads - reads <= 8, `${idp.keySetReads - reads} reads of the key set`);
});

test("logging out here logs out at the provider", async () => {
  // The provider has forgotten its own sessions with its old keys.
  await person.context.clearCookies();
  await person.signIn("admin");
  assert.ok(await person.me());
  await person.signOut("oidc");
  await person.page.waitForURL(`${idp.issuer}/session/end**`);
  await person.page.locator("button[value=yes]").click();
  await person.page.waitForURL(`${mcp.base}/**`);
  assert.equal(await person.me(), null);
});

test("logging out at the provider logs out here", async () => {
  await person.signIn("reader");
  assert.equal((await person.me()).username, "reader");
  await person.page.goto(`${idp.issuer}/session/end`);
  await person.page.locator("button[value=yes]").click();
  await until("the session has ended", async () => (await person.me()) === null);
});

test("without the provider, tokens and sessions go on", async () => {
  await person.signIn("admin");
  const token = await idp.token();
  await idp.stop();
  assert.equal((await call(mcp.base, "/echo/mcp", token)).status, 200);
  assert.equal((await person.me()).username, "admin");
  assert.equal((await fetch(`${mcp.base}/ready`)).status, 200);
  for (const secret of [SECRET, PASSWORD, token]) assert.ok(!mcp.log().includes(secret));
});
