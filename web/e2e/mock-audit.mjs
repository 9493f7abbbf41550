/** An audit log that does not grow: each kind of entry, filtered as the real one is. */
export function audit({ query }) {
  const matches = (entry) =>
    ["kind", "user", "server", "tool", "decision", "action", "request_id"].every(
      (name) => !query.get(name) || query.get(name) === entry[name],
    );
  return { entries: ENTRIES.filter(matches) };
}

const call = {
  kind: "access",
  auth_method: "token",
  source: "192.0.2.17",
  server: "/fininfo",
  method: "tools/call",
  status: 200,
  gateway: "gateway-1",
};

const ENTRIES = [
  {
    ...call,
    at: "2026-11-22T12:04:31Z",
    user: "ada",
    tool: "get_stock_aggregates",
    decision: "allow",
    duration_us: 18_204,
    request_id: "5f1c07aa-2f1",
  },
  {
    ...call,
    at: "2026-11-22T12:04:12Z",
    user: "nightly-report",
    auth_method: "api_key",
    tool: "print_stock_data",
    decision: "deny",
    reason: "forbidden",
    status: 403,
    duration_us: 61,
    request_id: "5f1c07aa-2e9",
  },
  {
    ...call,
    at: "2026-11-22T12:03:00Z",
    auth_method: undefined,
    method: "POST",
    decision: "deny",
    reason: "unauthenticated",
    status: 401,
    duration_us: 24,
    count: 1_204,
    request_id: "5f1c07aa-1b0",
  },
  {
    ...call,
    at: "2026-11-22T12:01:47Z",
    user: "grace.hopper@example.org",
    auth_method: "oidc",
    server: "/data/warehouse",
    method: "tools/list",
    decision: "error",
    reason: "upstream_connect",
    status: 502,
    duration_us: 3_004,
    request_id: "5f1c07aa-0c2",
  },
  {
    kind: "change",
    at: "2026-11-22T11:58:20Z",
    user: "admin",
    auth_method: "session_cookie",
    source: "203.0.113.5",
    action: "server.update",
    subject: "/fininfo",
    server: "/fininfo",
    changed: ["headers", "tags", "timeout"],
    before: "9d2c4e6a1b3f5d7c8e0a2b4c6d8e0f1a",
    after: "03b5d7f91a2c4e6081a3c5e7092b4d6f",
    decision: "allow",
    request_id: "1b7eeb9a90dafd04-23",
  },
  {
    kind: "change",
    at: "2026-11-22T11:40:02Z",
    user: "admin",
    auth_method: "local",
    source: "203.0.113.5",
    action: "session.login",
    subject: "admin",
    decision: "allow",
    request_id: "1b7eeb9a90dafd04-1f",
  },
];
