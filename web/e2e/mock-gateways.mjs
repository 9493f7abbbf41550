import { randomBytes } from "node:crypto";
import { Refusal } from "./mock-refusal.mjs";

/** Gateways that report, credentials of other people's, and identity keys: the same shapes and refusals as the real ones. */
export class MockGateways {
  constructor() {
    this.credentials = new Map();
    this.keys = new Map(KEYS.map((key) => [key.kid, key]));
    this.reports = REPORTS;
  }

  /** The answer, or nothing where the address is another's. */
  handle({ method, path, body }, caller) {
    if (path === "/api/gateways") {
      if (method === "GET") return { status: 200, body: this.list() };
      if (method === "POST") return this.create(body, caller);
    }
    const at = /^\/api\/gateways\/(identity-keys\/)?([^/]+)$/.exec(path);
    if (!at || method !== "DELETE") return undefined;
    const name = decodeURIComponent(at[2]);
    return at[1] ? this.forget(name) : this.remove(name);
  }

  list() {
    return {
      gateways: this.reports.map(({ ago, ...gateway }) => ({ ...gateway, last_seen: before(ago) })),
      credentials: [...this.credentials.values()],
      identity_keys: [...this.keys.values()].map(({ ago, ...key }) => ({ ...key, last_seen: before(ago) })),
    };
  }

  create(body, { username }) {
    const name = body?.name;
    if (!/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/.test(name ?? ""))
      throw new Refusal(422, "Validation failed", "the body has mistakes", {
        errors: [
          {
            field: "/name",
            value: name,
            rule: "must be a name of 1 to 64 letters, digits and . _ @ + -, beginning with a letter or digit",
          },
        ],
      });
    if (this.credentials.has(name))
      throw new Refusal(
        409,
        "Conflict",
        `a gateway "${name}" has a credential; take that out first, or choose another name`,
      );
    const credential = {
      name,
      id: hex(16),
      sends_body: body.sends_body ?? false,
      created_at: new Date().toISOString(),
      created_by: username,
    };
    this.credentials.set(name, credential);
    const text = `mcpg_${credential.id}_${hex(64)}_${hex(8)}`;
    return { status: 201, body: { ...credential, credential: text } };
  }

  remove(name) {
    if (!this.credentials.delete(name))
      throw new Refusal(404, "Not Found", `there is no credential of a gateway "${name}"`);
    return { status: 204 };
  }

  forget(kid) {
    const key = this.keys.get(kid);
    if (!key) throw new Refusal(404, "Not Found", `there is no key "${kid}" of a gateway`);
    if (key.in_use)
      throw new Refusal(409, "Conflict", `the gateway "${key.gateway}" still reports the key "${kid}"`);
    this.keys.delete(kid);
    return { status: 204 };
  }
}

const hex = (length) => randomBytes(length / 2).toString("hex");
const before = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();

const cluster = "784e3113098d10b3640429b79da2d933";
const gateway = (id, revision, ago, events = 0) => ({
  id,
  report: { id, version: "0.1.0", cluster, revision },
  events,
  ago,
});

const REPORTS = [
  gateway("gateway-1", 118, 2, 48_204),
  gateway("gateway-2", 117, 1, 47_981),
  gateway("gateway-3", 96, 7_400, 3_120),
  gateway("gateway-1 auth-server", 118, 3),
];

const KEYS = [
  { kid: "9NlaQuloGZQKEf6N_hQ-LVP2cmnolsKaccXabxqIQuo", gateway: "gateway-1", in_use: true, ago: 2 },
  { kid: "R2bYSsfMw2MC0m288aCVKqMH-OUs8cPrewsmtDO9Z3U", gateway: "gateway-2", in_use: true, ago: 1 },
  { kid: "e_sXYY6x_ZceSS2AO9I-M0dHjkZYjXAh8Ko_E5zmnNs", gateway: "gateway-3", in_use: false, ago: 7_400 },
];
