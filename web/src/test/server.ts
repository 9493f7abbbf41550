import type { ServerInfo } from "@/api/types";

/** A complete server for tests; each names only what it is about. */
export function serverInfo(given: Partial<ServerInfo> = {}): ServerInfo {
  const path = given.path ?? "/currenttime";
  return {
    id: path.slice(1),
    path,
    server_name: "Current Time",
    description: "Tells the time.",
    proxy_pass_url: "http://127.0.0.1:8000/",
    supported_transports: ["streamable-http"],
    transport: "auto",
    mcp_endpoint: null,
    sse_endpoint: null,
    auth_type: "none",
    auth_provider: null,
    headers: [],
    tags: ["time"],
    license: "N/A",
    num_stars: 0,
    is_python: false,
    enabled: true,
    public: false,
    passthrough: false,
    forward_authorization: false,
    timeout: null,
    tls: null,
    metadata: {},
    num_tools: 0,
    tool_list: [],
    created_at: "2026-11-22T12:00:00Z",
    updated_at: "2026-11-22T12:00:00Z",
    created_by: "admin",
    updated_by: "admin",
    health: { status: "healthy", checked_at: null, detail: null },
    ...given,
  };
}
