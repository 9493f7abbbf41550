/** Servers that look like a real installation, for working on the UI and for its pictures. */

const minutesAgo = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();

const tool = (name, description, properties = {}, required = []) => ({
  name,
  description,
  schema: { type: "object", properties, required },
});

const text = (description) => ({ type: "string", description });

const TIME_TOOLS = [
  tool(
    "current_time_by_timezone",
    "Returns the current time in a time zone.",
    { tz_name: text("Name of the zone, such as Europe/Berlin") },
    ["tz_name"],
  ),
];

const FINANCE_TOOLS = [
  tool(
    "get_stock_aggregates",
    "Aggregate bars of a stock over a range of dates.\nPrices are adjusted for splits unless asked otherwise.",
    {
      ticker: text("Symbol, upper case"),
      multiplier: { type: "integer", description: "Size of the time span" },
      timespan: text("minute, hour, day, week, month"),
      from_date: { type: "string", format: "date" },
      to_date: { type: "string", format: "date" },
    },
    ["ticker", "from_date", "to_date"],
  ),
  tool("print_stock_data", "The same as a readable table.", { ticker: text("Symbol, upper case") }, [
    "ticker",
  ]),
];

const tools = (...names) => names.map((name) => tool(name, `Runs ${name.replaceAll("_", " ")}.`));

export const SEED = [
  {
    server_name: "Current Time",
    path: "/currenttime",
    description: "Tells the current time in any time zone.",
    proxy_pass_url: "http://127.0.0.1:8000/",
    tags: ["time", "example"],
    tool_list: TIME_TOOLS,
    health: "healthy",
    age: 4,
  },
  {
    server_name: "Financial Info",
    path: "/fininfo",
    description: "Stock prices and aggregates from the Polygon API.",
    proxy_pass_url: "http://127.0.0.1:8001/",
    tags: ["finance", "example"],
    headers: [{ Authorization: "***" }],
    tool_list: FINANCE_TOOLS,
    health: "healthy",
    age: 38,
  },
  {
    server_name: "Real Server Fake Tools",
    path: "/realserverfaketools",
    description: "A server for demonstrations: the protocol is real, the answers are invented.",
    proxy_pass_url: "http://127.0.0.1:8002/",
    tags: ["example", "testing"],
    tool_list: tools("quantum_flux_analyzer", "neural_pattern_synthesizer", "hyper_dimensional_mapper"),
    health: "unknown",
    age: 61,
  },
  {
    server_name: "Atlassian",
    path: "/atlassian",
    description: "Jira issues and Confluence pages of the engineering site.",
    proxy_pass_url: "https://mcp-atlassian.internal.example/mcp",
    tags: ["work", "tickets"],
    headers: [{ "X-Atlassian-Site": "***" }],
    forward_authorization: true,
    tool_list: tools(
      "jira_search",
      "jira_get_issue",
      "jira_create_issue",
      "confluence_search",
      "confluence_get_page",
    ),
    health: "healthy",
    age: 60 * 26,
  },
  {
    server_name: "GitHub",
    path: "/github",
    description: "Repositories, pull requests and issues.",
    proxy_pass_url: "https://github-mcp.internal.example/",
    tags: ["work", "code"],
    tool_list: tools("search_code", "get_file_contents", "list_pull_requests", "create_issue"),
    health: "unhealthy",
    detail: "connection refused by github-mcp.internal.example:443",
    age: 60 * 3,
  },
  {
    server_name: "Company Handbook",
    path: "/docs/handbook",
    description: "Searches the public handbook. Open to everybody, guests included.",
    proxy_pass_url: "http://handbook.docs.svc:8080/mcp",
    tags: ["docs"],
    public: true,
    tool_list: tools("search", "read_page"),
    health: "healthy",
    age: 60 * 24 * 6,
  },
  {
    server_name: "Data Warehouse",
    path: "/data/warehouse",
    description: "Read-only SQL on the analytics warehouse.",
    proxy_pass_url: "https://warehouse-mcp.internal.example/sse",
    supported_transports: ["sse"],
    tags: ["data", "sql"],
    timeout: 120,
    tls: { ca: "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----", insecure: false },
    tool_list: tools("list_tables", "describe_table", "run_query"),
    health: "healthy",
    age: 60 * 24 * 12,
  },
  {
    server_name: "Legacy CRM",
    path: "/crm",
    description: "Kept for the migration. Switched off.",
    proxy_pass_url: "http://crm-bridge.internal.example:9000/",
    tags: ["work"],
    enabled: false,
    tool_list: tools("find_customer"),
    health: "disabled",
    age: 60 * 24 * 31,
  },
];

/** A complete server from the few fields that matter. */
export function complete({ age = 0, health = "unknown", detail = null, ...given }, user = "admin") {
  const { path } = given;
  const list = given.tool_list ?? [];
  return {
    id: path.replace(/^\//, ""),
    path,
    server_name: "",
    description: "",
    proxy_pass_url: null,
    supported_transports: ["streamable-http"],
    transport: "auto",
    mcp_endpoint: null,
    sse_endpoint: null,
    auth_type: "none",
    auth_provider: null,
    headers: [],
    tags: [],
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
    ...given,
    num_tools: list.length,
    tool_list: list,
    created_at: minutesAgo(age + 60),
    updated_at: minutesAgo(age),
    created_by: user,
    updated_by: user,
    health: { status: health, checked_at: health === "unknown" ? null : minutesAgo(1), detail },
  };
}
