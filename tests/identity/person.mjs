// Somebody at a browser, and what they may do once they are logged in.
import { chromium } from "playwright-core";
import { call, useTool } from "./mcp.mjs";

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  });

export class Person {
  /** With a browser profile of their own; `form` fills in the provider's login page. */
  static async at(browser, base, issuer, form) {
    const person = new Person();
    Object.assign(person, { base, issuer, form });
    person.context = await browser.newContext();
    person.page = await person.context.newPage();
    return person;
  }

  /** Through our login page and the provider's own. */
  async signIn(user) {
    await this.page.goto(`${this.base}/ui/login`);
    await this.page.getByRole("link", { name: /Continue with/ }).click();
    await this.page.waitForURL(`${this.issuer}/**`);
    await this.form(this.page, user);
    await this.page.waitForURL(`${this.base}/ui/**`);
  }

  /** Logs out by our own page; ends at the provider. */
  async signOut(provider) {
    await this.page.evaluate((name) => window.location.assign(`/oauth2/logout/${name}`), provider);
  }

  async me() {
    const answer = await this.context.request.get(`${this.base}/api/auth/me`);
    return answer.ok() ? answer.json() : null;
  }

  /** A token with all rights that this session has. */
  async token() {
    const { csrf_token } = await this.me();
    const made = await this.context.request.post(`${this.base}/api/tokens/generate`, {
      headers: { "x-csrf-token": csrf_token },
      data: {},
    });
    if (!made.ok()) throw new Error(`no token: ${await made.text()}`);
    return (await made.json()).tokens.access_token;
  }

  /** The servers they see, what administrators may do, and what passes the gateway. */
  async rights() {
    const get = (path) => this.context.request.get(`${this.base}${path}`);
    const token = await this.token();
    return {
      sees: Object.keys(await (await get("/api/servers")).json()),
      policy: (await get("/api/policy")).status(),
      ...(await rights(this.base, token)),
    };
  }
}

/** What a token opens at the gateway: the time by a tool, and another server at all. */
export async function rights(base, token) {
  return {
    time: await useTool(base, "/time", token, "current_time_by_timezone", { tz_name: "Etc/UTC" }),
    echo: (await call(base, "/echo/mcp", token)).status,
  };
}
