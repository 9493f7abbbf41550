import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { MockAccounts } from "./mock-accounts.mjs";
import { audit } from "./mock-audit.mjs";
import { complete } from "./mock-data.mjs";
import { MockGateways } from "./mock-gateways.mjs";
import { MockPolicy } from "./mock-policy.mjs";
import { Refusal } from "./mock-refusal.mjs";
import { fieldErrors, WRITABLE } from "./mock-rules.mjs";

export { Refusal };

/** The registry in memory: the same routes, versions, conditions and refusals as the real one. */
export class MockApi {
  constructor({
    servers = [],
    password = "secret",
    insecure = false,
    publicUrl = null,
    providers = [],
  } = {}) {
    this.servers = new Map(servers.map((server) => [server.path, complete(server)]));
    this.options = { password, insecure, publicUrl, providers };
    this.revision = 1;
    this.versions = new Map();
    this.sessions = new Map();
    this.tokens = new Map();
    this.policy = new MockPolicy();
    this.accounts = new MockAccounts();
    this.gateways = new MockGateways();
    this.waiting = new Set();
    this.failures = 0;
  }

  /** Answers `{status, body, headers}`. `request`: method, path, query, headers, body, and a signal for the client's end. */
  async handle(request) {
    const { method, path } = request;
    const open = OPEN[`${method} ${path}`];
    if (open) return open.call(this, request);
    const caller = this.caller(request);
    if (method !== "GET" && caller.session && !sameOrigin(request, caller.session))
      throw new Refusal(403, "Forbidden", "the request does not come from this site");
    if (path === "/api/servers") {
      if (method === "GET") return this.list(request);
      if (method === "POST") return this.create(request, caller);
    }
    if (path.startsWith("/api/servers/")) return this.one(request, caller);
    if (path === "/api/auth/me") return { status: 200, body: this.me(caller) };
    if (path === "/api/auth/logout" && method === "POST") {
      this.sessions.delete(caller.session?.id);
      return { status: 204, headers: { "Set-Cookie": `${COOKIE}=; Path=/; Max-Age=0` } };
    }
    if (path === "/api/policy") return this.policy.answer(request, caller);
    if (path === "/api/audit" && method === "GET") return { status: 200, body: audit(request) };
    if (path === "/api/explain" && method === "GET")
      return { status: 200, body: this.policy.explain(request) };
    if (path === "/api/tokens" && method === "GET")
      return { status: 200, body: [...this.tokens.values()].map(shown) };
    if (path === "/api/tokens/generate" && method === "POST") return this.generate(request, caller);
    if (path.startsWith("/api/tokens/") && method === "DELETE")
      return this.revoke(path.slice("/api/tokens/".length));
    const ended = /^\/api\/users\/([^/]+)\/credentials$/.exec(path)?.[1];
    if (ended && method === "DELETE") return this.end(decodeURIComponent(ended));
    const answer = this.gateways.handle(request, caller) ?? this.accounts.handle(request);
    if (answer) return answer;
    throw new Refusal(404, "Not Found", `there is no ${method} ${path}`);
  }

  caller({ headers }) {
    const id = /(?:^|;\s*)mcp_gateway_session=([^;]+)/.exec(headers.cookie ?? "")?.[1];
    const session = id && this.sessions.get(id);
    if (session) return { username: session.username, session };
    const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1];
    const token =
      bearer && [...this.tokens.values()].find((known) => known.secret === bearer && !known.revoked);
    if (token) return { username: token.username };
    throw new Refusal(401, "Unauthorized", "sign in or show a valid token", {
      headers: { "WWW-Authenticate": "Bearer" },
    });
  }

  me({ username, session }) {
    return {
      username,
      auth_method: "local",
      provider: "local",
      scopes: ["mcp-registry-admin"],
      groups: ["mcp-registry-admin"],
      can_modify_servers: true,
      ui_permissions: {},
      is_admin: true,
      csrf_token: session?.csrf ?? "",
    };
  }

  async list({ query, headers, signal }) {
    const known = headers["if-none-match"];
    const wait = Math.min(25, Number(query.get("wait") ?? 0));
    if (known === this.etag() && wait > 0) await this.change(wait * 1000, signal);
    if (known === this.etag()) return { status: 304, headers: { ETag: this.etag() } };
    const body = Object.fromEntries(
      [...this.servers.values()].sort(byPath).map((server) => [server.path, server]),
    );
    return { status: 200, body, headers: { ETag: this.etag() } };
  }

  create({ body }, caller) {
    const path = normalise(body?.path);
    const errors = fieldErrors({ ...body, path }, true);
    if (errors.length > 0) throw invalid(errors);
    if (this.servers.has(path))
      throw new Refusal(409, "Conflict", `a server is registered at ${path} already`);
    return this.store(complete({ ...writable(body), path }, caller.username));
  }

  one({ method, path: url, headers, body }, caller) {
    const path = normalise(decodeURIComponent(url.slice("/api/servers/".length)));
    const server = this.servers.get(path);
    if (!server) throw new Refusal(404, "Not Found", `no server is registered at ${path}`);
    if (method === "GET") return { status: 200, body: server, headers: { ETag: this.version(path) } };
    const condition = headers["if-match"];
    if (condition && condition !== "*" && condition !== this.version(path))
      throw new Refusal(412, "Precondition Failed", `${path} was changed by ${server.updated_by} meanwhile`);
    if (method === "DELETE") {
      this.servers.delete(path);
      this.bump();
      return { status: 204 };
    }
    const base = method === "PUT" ? complete({ path, server_name: "" }) : server;
    const next = { ...base, ...writable(merge(base, body ?? {})), path };
    const errors = fieldErrors(next, false);
    if (errors.length > 0) throw invalid(errors);
    return this.store({
      ...next,
      created_at: server.created_at,
      updated_at: new Date().toISOString(),
      updated_by: caller.username,
    });
  }

  store(server) {
    const hidden = server.headers.map((entry) =>
      Object.fromEntries(Object.keys(entry).map((name) => [name, "***"])),
    );
    const status = server.enabled
      ? server.health.status === "disabled"
        ? "unknown"
        : server.health.status
      : "disabled";
    const stored = { ...server, headers: hidden, health: { ...server.health, status } };
    this.servers.set(server.path, stored);
    this.bump(server.path);
    return { status: 200, body: stored, headers: { ETag: this.version(server.path) } };
  }

  generate({ body }, { username }) {
    const kind = body?.kind ?? "token";
    const [usual, max] = kind === "api_key" ? [2160, 8784] : [8, 24];
    const hours = body?.expires_in_hours ?? usual;
    if (!Number.isInteger(hours) || hours < 1 || hours > max)
      throw invalid([
        { field: "/expires_in_hours", value: hours, rule: `must be a whole number from 1 to ${max}` },
      ]);
    const id = randomUUID();
    const secret =
      kind === "api_key"
        ? `mcpk_${hex(16)}_${hex(64)}_${hex(8)}`
        : `mock.${Buffer.from(`${id}${randomUUID()}${randomUUID()}`).toString("base64url")}`;
    const scopes = body?.requested_scopes ?? ["mcp-registry-admin"];
    const now = Date.now();
    this.tokens.set(id, {
      id,
      kind,
      username: body?.service_account ?? username,
      service_account: body?.service_account ?? null,
      secret,
      description: body?.description ?? "",
      all_rights: body?.requested_scopes === undefined,
      scopes,
      created_at: new Date(now).toISOString(),
      expires_at: new Date(now + hours * 3_600_000).toISOString(),
      last_used_at: null,
      revoked: false,
    });
    const tokens = {
      access_token: secret,
      refresh_token: null,
      expires_in: hours * 3600,
      refresh_expires_in: 0,
      token_type: "Bearer",
      scope: scopes.join(" "),
    };
    return {
      status: 200,
      body: {
        success: true,
        token_id: id,
        kind,
        tokens,
        client_id: "user-generated",
        token_data: {},
        user_scopes: scopes,
        requested_scopes: scopes,
      },
    };
  }

  revoke(id) {
    const token = this.tokens.get(id);
    if (!token) throw new Refusal(404, "Not Found", "there is no such token");
    token.revoked = true;
    return { status: 204 };
  }

  /** Ends what stands for a user. */
  end(username) {
    const sessions = [...this.sessions.values()].filter((session) => session.username === username);
    const made = [...this.tokens.values()].filter(
      (token) => token.username === username && !token.service_account,
    );
    const tokens = made.filter((token) => !token.revoked);
    const known = username === "admin" || this.accounts.users.has(username) || made.length > 0;
    if (!known)
      throw new Refusal(
        404,
        "Not Found",
        `nobody called "${username}" is a local user, has logged in, or has tokens or keys`,
      );
    for (const { id } of sessions) this.sessions.delete(id);
    for (const token of tokens) token.revoked = true;
    return { status: 200, body: { sessions: sessions.length, tokens: tokens.length } };
  }

  etag = () => `"r${this.revision}"`;
  version = (path) => `"${path}-${this.versions.get(path) ?? 1}"`;

  bump(path) {
    this.revision += 1;
    if (path) this.versions.set(path, this.revision);
    for (const wake of this.waiting) wake();
  }

  change(milliseconds, signal) {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      this.waiting.add(done);
      signal?.addEventListener("abort", done);
    });
  }
}

const COOKIE = "mcp_gateway_session";

/** Routes that ask for no credential. */
const OPEN = {
  "POST /api/auth/login"({ body }) {
    if (this.failures >= 10)
      throw new Refusal(429, "Too Many Requests", "too many failed attempts", {
        headers: { "Retry-After": "60" },
      });
    if (body?.username !== "admin" || body?.password !== this.options.password) {
      this.failures += 1;
      throw new Refusal(401, "Unauthorized", "user name or password is wrong");
    }
    this.failures = 0;
    const session = { id: randomUUID(), csrf: randomUUID(), username: body.username };
    this.sessions.set(session.id, session);
    const headers = { "Set-Cookie": `${COOKIE}=${session.id}; Path=/; HttpOnly; SameSite=Lax` };
    return { status: 200, body: this.me({ username: session.username, session }), headers };
  },
  "GET /api/auth/providers"() {
    return { status: 200, body: { providers: this.options.providers, local: true } };
  },
  "GET /api/config"() {
    const { publicUrl, insecure } = this.options;
    return {
      status: 200,
      body: {
        mode: "full",
        version: "0.1.0",
        gateway_public_url: publicUrl,
        ui: { insecure_session: insecure },
      },
    };
  },
  "GET /api/openapi.json"() {
    return {
      status: 200,
      body: JSON.parse(readFileSync(new URL("../openapi.json", import.meta.url), "utf8")),
    };
  },
  "GET /health"() {
    return { status: 200, body: { status: "healthy", service: "mcp-registry", version: "0.1.0" } };
  },
};

const invalid = (errors) =>
  new Refusal(422, "Unprocessable Content", "the definition breaks a rule", { errors });
const normalise = (path) => `/${String(path ?? "").replace(/^\/+|\/+$/g, "")}`;
const byPath = (a, b) => (a.path < b.path ? -1 : 1);
const writable = (body) => Object.fromEntries(Object.entries(body).filter(([field]) => WRITABLE.has(field)));
const hex = (digits) => randomBytes(digits / 2).toString("hex");
const shown = ({ secret, ...token }) => token;

function sameOrigin({ headers }, session) {
  const site = headers["sec-fetch-site"];
  if (site) return site === "same-origin";
  if (headers.origin) return new URL(headers.origin).host === headers.host;
  return headers["x-csrf-token"] === session.csrf;
}

/** RFC 7396, one level deep: enough for these fields. */
function merge(base, patch) {
  const defaults = complete({ path: base.path, server_name: base.server_name });
  return Object.fromEntries(
    Object.entries({ ...base, ...patch }).map(([field, value]) => [
      field,
      value === null ? defaults[field] : value,
    ]),
  );
}
