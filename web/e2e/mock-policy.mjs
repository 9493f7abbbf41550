import { Refusal } from "./mock-refusal.mjs";

/**
 * The policy in memory. It is shown, not understood: a written text is kept as it is, and only what tests write is
 * judged. The real registry's tests cover the rest.
 */
export class MockPolicy {
  constructor() {
    this.version = 3;
    this.text = TEXT;
    this.by = "admin";
  }

  etag = () => `"policy-${this.version}"`;

  answer({ method, headers, body }, caller) {
    const yaml = headers.accept === "application/yaml";
    if (method === "PUT") {
      const condition = headers["if-match"];
      if (condition && condition !== this.etag())
        throw new Refusal(412, "Precondition Failed", "the policy was changed in the meantime");
      if (String(body).includes("server: 5"))
        throw new Refusal(422, "Validation failed", "the body has mistakes", { errors: MISTAKES });
      this.text = String(body);
      this.version += 1;
      this.by = caller.username;
    } else if (method !== "GET") throw new Refusal(405, "Method Not Allowed", "only GET and PUT");
    const answer = { ETag: this.etag() };
    if (yaml)
      return { status: 200, body: this.text, headers: { ...answer, "Content-Type": "application/yaml" } };
    const document = {
      ...DOCUMENT,
      version: this.version,
      updated_at: "2026-11-20T09:30:00Z",
      updated_by: this.by,
      warnings: [],
    };
    return { status: 200, body: document, headers: answer };
  }

  explain({ query }) {
    const user = query.get("user") ?? "admin";
    const tool = query.get("tool") ?? "";
    const server = `/${(query.get("server") ?? "").replace(/^\/|\/$/g, "")}`;
    const allowed = tool !== "write";
    const says = allowed
      ? `names this server, and has the method tools/call and the tool ${tool}`
      : `names this server, and has the method tools/call, but not the tool ${tool}`;
    return {
      user,
      server,
      allowed,
      summary: allowed
        ? `${user} may call the tool ${tool} at ${server}: rule 1 of the scope mcp-servers-restricted/read (of the group mcp-registry-user) ${says}`
        : `${user} may not call the tool ${tool} at ${server}: ${user} has no rule that allows all of it`,
      scopes: [
        {
          name: "mcp-servers-restricted/read",
          groups: ["mcp-registry-user"],
          known: true,
          rules: [{ number: 1, allows: allowed, says }],
        },
      ],
      remedies: allowed
        ? []
        : [{ scope: "mcp-servers-unrestricted/execute", groups: ["mcp-servers-unrestricted"] }],
      ui_permissions: {},
    };
  }
}

const MISTAKES = [
  {
    field: "/mcp-servers-restricted~1read/0/server",
    value: 5,
    rule: 'must be a server\'s path such as fininfo, or "*"',
  },
];

const SESSION = ["initialize", "notifications/initialized", "ping"];
const rule = (servers, methods, tools) => ({ servers, methods, tools });

const DOCUMENT = {
  scopes: {
    "mcp-registry-admin": {
      admin: true,
      servers: [rule(["*"], ["*"], ["*"])],
      ui_permissions: {},
      agents: [],
    },
    "mcp-registry-user": {
      admin: false,
      servers: [],
      ui_permissions: { list_service: ["currenttime", "fininfo"], health_check_service: ["currenttime"] },
      agents: [],
    },
    "mcp-registry-operator": {
      admin: false,
      servers: [],
      ui_permissions: { list_service: ["*"], toggle_service: ["*"], health_check_service: ["*"] },
      agents: [],
    },
    "mcp-servers-restricted/read": {
      admin: false,
      servers: [
        rule(["currenttime"], [...SESSION, "tools/list", "tools/call"], ["current_time_by_timezone"]),
        rule(["fininfo"], [...SESSION, "tools/list"], []),
      ],
      ui_permissions: {},
      agents: [],
    },
    "mcp-servers-unrestricted/execute": {
      admin: false,
      servers: [rule(["*"], [...SESSION, "tools/list", "tools/call", "resources/list"], ["*"])],
      ui_permissions: {},
      agents: [],
    },
  },
  group_mappings: {
    "mcp-registry-admin": ["mcp-registry-admin", "mcp-servers-unrestricted/execute"],
    "mcp-registry-user": ["mcp-registry-user", "mcp-servers-restricted/read"],
    "4c46ec66-a4f7-4b62-9095-b7958662f4b6": ["mcp-registry-operator", "mcp-servers-old/read"],
    anonymous: ["mcp-servers-restricted/read"],
  },
};

const TEXT = `UI-Scopes:
  mcp-registry-admin:
    admin: true
  mcp-registry-user:
    list_service:
    - currenttime
    - fininfo
group_mappings:
  mcp-registry-user:
  - mcp-registry-user
  - mcp-servers-restricted/read
mcp-servers-restricted/read:
- server: currenttime
  methods:
  - initialize
  - notifications/initialized
  - ping
  - tools/list
  - tools/call
  tools:
  - current_time_by_timezone
`;
