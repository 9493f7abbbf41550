import { Refusal } from "./mock-refusal.mjs";

/** Local users and service accounts of the mock: the same shapes and refusals as the real ones. */
export class MockAccounts {
  constructor() {
    this.users = new Map();
    this.accounts = new Map();
  }

  /** The answer, or nothing where the address is another's. */
  handle({ method, path, body }) {
    const at = /^\/api\/(users|service-accounts)(?:\/(.+))?$/.exec(path);
    if (!at) return undefined;
    const [, collection, encoded] = at;
    const kind = KINDS[collection];
    const known = this[kind.store];
    if (!encoded && method === "GET") return { status: 200, body: [...kind.first, ...known.values()] };
    if (!encoded && method === "POST") return this.create(kind, known, body);
    const name = decodeURIComponent(encoded ?? "");
    const one = known.get(name);
    if (!one) throw new Refusal(404, "Not Found", `there is no ${kind.noun} "${name}"`);
    if (method === "DELETE") {
      known.delete(name);
      return { status: 204 };
    }
    if (method === "PATCH") Object.assign(one, kind.facts(body, one));
    return { status: 200, body: one };
  }

  create(kind, known, body) {
    const name = body?.[kind.key];
    if (!/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/.test(name ?? ""))
      throw refused(`/${kind.key}`, name, "must be a name of 1 to 64 letters, digits and . _ @ + -");
    if (kind.store === "users" && String(body.password ?? "").length < 12)
      throw refused("/password", "***", "must be a text of 12 to 1024 characters");
    if (name === "admin" || this.users.has(name) || this.accounts.has(name))
      throw new Refusal(409, "Conflict", `the name "${name}" is taken by a user or a service account`);
    const one = kind.facts(body, kind.make(name));
    known.set(name, one);
    return { status: 201, body: one };
  }
}

const refused = (field, value, rule) =>
  new Refusal(422, "Validation failed", "the body has mistakes", { errors: [{ field, value, rule }] });
const now = () => new Date().toISOString();

const KINDS = {
  users: {
    store: "users",
    key: "username",
    noun: "user",
    first: [
      {
        username: "admin",
        groups: ["mcp-registry-admin"],
        disabled: false,
        built_in: true,
        updated_at: null,
      },
    ],
    make: (username) => ({ username, groups: [], disabled: false, built_in: false, updated_at: now() }),
    facts: ({ groups, disabled }, one) => ({
      ...one,
      groups: groups ?? one.groups,
      disabled: disabled ?? one.disabled,
    }),
  },
  "service-accounts": {
    store: "accounts",
    key: "name",
    noun: "service account",
    first: [],
    make: (name) => ({
      name,
      description: "",
      groups: [],
      scopes: [],
      disabled: false,
      created_at: now(),
      updated_at: now(),
    }),
    facts: ({ description, groups, scopes, disabled }, one) => ({
      ...one,
      description: description ?? one.description,
      groups: groups ?? one.groups,
      scopes: scopes ?? one.scopes,
      disabled: disabled ?? one.disabled,
    }),
  },
};
