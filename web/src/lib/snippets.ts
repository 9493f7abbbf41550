import type { Endpoint } from "./endpoint";

export type ClientId = "vscode" | "cursor" | "claude" | "cline" | "curl";

export interface Snippet {
  id: ClientId;
  label: string;
  /** Where it goes: a file, or the terminal. */
  place: string;
  language: "json" | "shell";
  code: string;
}

interface Subject {
  path: string;
  public: boolean;
  endpoint: Endpoint;
}

/** Ready-to-paste configurations. None holds a token: each says where the user's own goes. */
export function snippets(subject: Subject): Snippet[] {
  return [vscode(subject), cursor(subject), claude(subject), cline(subject), curl(subject)];
}

/** "/team/time" → "team-time": a key that every client accepts. */
export const clientKey = (path: string): string =>
  path.replace(/^\/+|\/+$/g, "").replace(/[^A-Za-z0-9_-]+/g, "-") || "server";

function vscode({ path, public: open, endpoint }: Subject): Snippet {
  const server = {
    type: httpType(endpoint),
    url: endpoint.url,
    ...(open ? {} : { headers: { Authorization: `Bearer \${input:mcp-token}` } }),
  };
  const inputs = [
    { type: "promptString", id: "mcp-token", description: "MCP Gateway access token", password: true },
  ];
  return {
    id: "vscode",
    label: "VS Code",
    place: ".vscode/mcp.json",
    language: "json",
    code: json({ servers: { [clientKey(path)]: server }, ...(open ? {} : { inputs }) }),
  };
}

function cursor({ path, public: open, endpoint }: Subject): Snippet {
  return {
    id: "cursor",
    label: "Cursor",
    place: "~/.cursor/mcp.json",
    language: "json",
    code: json({
      mcpServers: {
        [clientKey(path)]: {
          url: endpoint.url,
          ...(open ? {} : { headers: authorization(`\${env:${TOKEN}}`) }),
        },
      },
    }),
  };
}

function claude({ path, public: open, endpoint }: Subject): Snippet {
  const type = httpType(endpoint);
  const lines = [`claude mcp add --transport ${type} ${clientKey(path)} ${quoted(endpoint.url)}`];
  if (!open) lines.push(`  --header "Authorization: Bearer $${TOKEN}"`);
  return {
    id: "claude",
    label: "Claude Code",
    place: "Terminal",
    language: "shell",
    code: lines.join(" \\\n"),
  };
}

function cline({ path, public: open, endpoint }: Subject): Snippet {
  return {
    id: "cline",
    label: "Cline",
    place: "cline_mcp_settings.json",
    language: "json",
    code: json({
      mcpServers: {
        [clientKey(path)]: {
          type: endpoint.transport === "sse" ? "sse" : "streamableHttp",
          url: endpoint.url,
          ...(open ? {} : { headers: authorization("YOUR_ACCESS_TOKEN") }),
          disabled: false,
        },
      },
    }),
  };
}

function curl({ public: open, endpoint }: Subject): Snippet {
  const auth = open ? [] : [`  -H "Authorization: Bearer $${TOKEN}"`];
  const lines =
    endpoint.transport === "sse"
      ? [`curl -N ${quoted(endpoint.url)}`, ...auth, `  -H 'Accept: text/event-stream'`]
      : [
          `curl ${quoted(endpoint.url)}`,
          ...auth,
          `  -H 'Content-Type: application/json'`,
          `  -H 'Accept: application/json, text/event-stream'`,
          `  -d '${JSON.stringify(INITIALIZE)}'`,
        ];
  return { id: "curl", label: "curl", place: "Terminal", language: "shell", code: lines.join(" \\\n") };
}

const httpType = (endpoint: Endpoint) => (endpoint.transport === "sse" ? "sse" : "http");
const authorization = (token: string) => ({ Authorization: `Bearer ${token}` });
const json = (value: unknown) => JSON.stringify(value, null, 2);
/** Single quotes: nothing inside is expanded by the shell. */
const quoted = (value: string) => `'${value.replaceAll("'", `'\\''`)}'`;

const TOKEN = "MCP_TOKEN";
const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "curl", version: "1.0" } },
};
