import { describe, expect, it } from "vitest";
import { type Endpoint, endpointOf } from "./endpoint";
import { clientKey, snippets } from "./snippets";

const endpoint: Endpoint = {
  url: "https://gw.example/team/time/mcp",
  transport: "streamable-http",
  guessed: false,
};
const byId = (subject: Parameters<typeof snippets>[0]) =>
  Object.fromEntries(snippets(subject).map((snippet) => [snippet.id, snippet.code]));
const guarded = byId({ path: "/team/time", public: false, endpoint });
const parsed = (code: string | undefined) => JSON.parse(code ?? "null");

describe("client configurations", () => {
  it("asks VS Code for the token instead of holding it", () => {
    const config = parsed(guarded.vscode);
    expect(config.servers["team-time"]).toEqual({
      type: "http",
      url: endpoint.url,
      headers: { Authorization: `Bearer \${input:mcp-token}` },
    });
    expect(config.inputs[0]).toMatchObject({ type: "promptString", id: "mcp-token", password: true });
  });

  it("has the shape that Cursor and Cline read", () => {
    expect(parsed(guarded.cursor).mcpServers["team-time"].url).toBe(endpoint.url);
    expect(parsed(guarded.cline).mcpServers["team-time"]).toMatchObject({
      type: "streamableHttp",
      disabled: false,
    });
  });

  it("gives Claude Code one command", () => {
    expect(guarded.claude).toContain(
      "claude mcp add --transport http team-time 'https://gw.example/team/time/mcp'",
    );
    expect(guarded.claude).toContain('--header "Authorization: Bearer $MCP_TOKEN"');
  });

  it("sends with curl what a Streamable HTTP server asks for", () => {
    expect(guarded.curl).toContain("Accept: application/json, text/event-stream");
    const body = /-d '(.+)'/.exec(guarded.curl ?? "")?.[1];
    expect(parsed(body)).toMatchObject({ jsonrpc: "2.0", method: "initialize" });
  });

  it("asks for no token where the server is public", () => {
    for (const code of Object.values(byId({ path: "/team/time", public: true, endpoint }))) {
      expect(code).not.toMatch(/Bearer|token/i);
    }
  });

  it("speaks SSE to a server that speaks nothing else", () => {
    const sse = byId({
      path: "/x",
      public: false,
      endpoint: { ...endpoint, url: "https://gw/x/sse", transport: "sse" },
    });
    expect(parsed(sse.vscode).servers.x.type).toBe("sse");
    expect(parsed(sse.cline).mcpServers.x.type).toBe("sse");
    expect(sse.claude).toContain("--transport sse");
    expect(sse.curl).toContain("curl -N");
  });

  it("quotes addresses so that the shell expands nothing", () => {
    const url = "https://gw.example/x'; rm -rf $HOME #/mcp";
    const hostile = byId({ path: "/x", public: false, endpoint: { ...endpoint, url } });
    expect(hostile.curl).toContain(`'https://gw.example/x'\\''; rm -rf $HOME #/mcp'`);
  });

  it("makes keys that every client accepts", () => {
    expect(clientKey("/team/time.v2")).toBe("team-time-v2");
    expect(clientKey("/")).toBe("server");
  });
});

describe("endpoint", () => {
  const config = (gateway_public_url: string | null) => ({
    mode: "full" as const,
    version: "1",
    gateway_public_url,
    ui: { insecure_session: false },
  });

  it("lies at the gateway's public address where one is set", () => {
    const server = { path: "/time/", supported_transports: ["streamable-http" as const] };
    expect(endpointOf(server, config("https://gw.example/base/"), "http://localhost")).toEqual({
      url: "https://gw.example/base/time/mcp",
      transport: "streamable-http",
      guessed: false,
    });
  });

  it("falls back to this page's origin and says so", () => {
    const server = { path: "/time", supported_transports: ["sse" as const] };
    expect(endpointOf(server, config(null), "http://localhost:8080")).toEqual({
      url: "http://localhost:8080/time/sse",
      transport: "sse",
      guessed: true,
    });
  });
});
