// The same as with the light provider, with a real Keycloak and the realm that the compose files use.
// The steps build on each other.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Keycloak } from "./keycloak.mjs";
import { addServers, call, PASSWORD, rotateUnderLoad, startMcp, startServer, startTime, until } from "./mcp.mjs";
import { launch, Person, rights } from "./person.mjs";

const ADMIN = { sees: ["/echo", "/time"], policy: 200, echo: 200 };
const MEMBER = { sees: ["/time"], policy: 403, echo: 403 };
const NOBODY = { sees: [], policy: 403, echo: 403, time: 403 };

let keycloak, mcp, echo, time, browser;

before(async () => {
  keycloak = await Keycloak.prepare();
  [echo, time] = await Promise.all([startServer(), startTime()]);
  mcp = await startMcp(keycloak.settings());
  await addServers(mcp.base, { "/echo": echo.url, "/time": time.url });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await mcp?.stop();
  await keycloak?.stop();
  echo?.stop();
  time?.stop();
});

const person = () =>
  Person.at(browser, mcp.base, keycloak.issuer, async (page, user) => {
    const { INITIAL_ADMIN_PASSWORD, INITIAL_USER_PASSWORD } = keycloak.secrets;
    await page.locator("#username").fill(user);
    await page.locator("#password").fill(user === "admin" ? INITIAL_ADMIN_PASSWORD : INITIAL_USER_PASSWORD);
    await page.locator("#kc-login").click();
  });

/** What the login page says when the provider is away. */
async function refusedLogin() {
  const { page } = await person();
  await page.goto(`${mcp.base}/ui/login`);
  await page.getByRole("link", { name: "Continue with Keycloak" }).click();
  await page.getByText("The identity provider does not answer").waitFor();
  const program = await fetch(`${mcp.base}/oauth2/login/keycloak`, { redirect: "manual" });
  assert.equal(program.status, 503);
  assert.ok(program.headers.get("retry-after"));
}

function assertRights({ time, ...others }, expected) {
  assert.deepEqual({ ...others, ...(expected.time ? { time } : {}) }, expected);
  if (!expected.time) assert.match(time, /UTC/);
}

test("before Keycloak is there, all but its login works", async () => {
  assert.equal((await fetch(`${mcp.base}/ready`)).status, 200);
  await refusedLogin();
  await keycloak.start(mcp.base);
  await until("the login is there", async () => {
    const login = await fetch(`${mcp.base}/oauth2/login/keycloak`, { redirect: "manual" });
    return login.status === 303;
  });
});

test("the group of administrators administers", async () => {
  const admin = await person();
  await admin.signIn("admin");
  const who = await admin.me();
  assert.equal(who.username, "admin");
  assert.equal(who.provider, "keycloak");
  assert.deepEqual(who.groups.toSorted(), ["mcp-registry-admin", "mcp-servers-unrestricted"]);
  assertRights(await admin.rights(), ADMIN);
});

test("a group opens what its scopes allow, and nobody else gets it", async () => {
  const member = await person();
  await member.signIn("testuser");
  assertRights(await member.rights(), MEMBER);
  await keycloak.addUser("outsider");
  const outsider = await person();
  await outsider.signIn("outsider");
  assert.deepEqual(await outsider.rights(), NOBODY);
  // Keycloak's own access token of the same user decides alike.
  const token = await keycloak.tokenOf("testuser", keycloak.secrets.INITIAL_USER_PASSWORD);
  assertRights(await rights(mcp.base, token), { echo: 403 });
});

test("who has left the group has lost its rights at the next login", async () => {
  await keycloak.leaveGroup("testuser", "mcp-servers-restricted");
  const left = await person();
  await left.signIn("testuser");
  assert.deepEqual(await left.rights(), NOBODY);
});

test("a program uses a real server with its client credentials", async () => {
  const token = await keycloak.token();
  assertRights(await rights(mcp.base, token), { echo: 200 });
  const { result } = await (await call(mcp.base, "/echo/mcp", token)).json();
  assert.equal(result.user, "service-account-mcp-gateway-m2m");
  assert.equal(result.authorization, null);
});

test("keys rotate under load without one refusal", async () => {
  const statuses = await rotateUnderLoad(mcp.base, keycloak);
  assert.deepEqual([...statuses.keys()], [200], JSON.stringify([...statuses]));
});

test("logging out here logs out at Keycloak", async () => {
  const admin = await person();
  await admin.signIn("admin");
  // Where Keycloak sends the browser back to; our own page may be there before, by itself.
  const back = admin.page.waitForRequest(`${mcp.base}/login`);
  await admin.signOut("keycloak");
  await back;
  await admin.page.waitForURL(`${mcp.base}/ui/login**`);
  assert.equal(await admin.me(), null);
  // Keycloak asks for the password again. In another tab: this one may still be on its way back.
  admin.page = await admin.context.newPage();
  await admin.signIn("admin");
  assert.ok(await admin.me());
});

test("logging out at Keycloak logs out here", async () => {
  const leaving = await person();
  await leaving.signIn("outsider");
  await leaving.page.goto(`${keycloak.issuer}/protocol/openid-connect/logout`);
  await leaving.page.locator("#kc-logout").click();
  await until("the session has ended", async () => (await leaving.me()) === null);
});

test("an administrator of Keycloak ends sessions and their tokens everywhere", async () => {
  const ended = await person();
  await ended.signIn("admin");
  const token = await keycloak.tokenOf("admin", keycloak.secrets.INITIAL_ADMIN_PASSWORD);
  assert.equal((await call(mcp.base, "/echo/mcp", token)).status, 200);
  await keycloak.logOut("admin");
  await until("the session has ended", async () => (await ended.me()) === null);
  await until("the token has ended", async () => (await call(mcp.base, "/echo/mcp", token)).status === 401);
});

test("without Keycloak, tokens and sessions go on, and the login says why not", async () => {
  const staying = await person();
  await staying.signIn("admin");
  const token = await keycloak.token();
  await keycloak.stop();
  assert.equal((await call(mcp.base, "/echo/mcp", token)).status, 200);
  assertRights(await staying.rights(), ADMIN);
  assert.equal((await fetch(`${mcp.base}/ready`)).status, 200);
  await refusedLogin();
  for (const secret of [...Object.values(keycloak.secrets), PASSWORD, token]) assert.ok(!mcp.log().includes(secret));
});
