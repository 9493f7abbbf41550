import type { PublicConfig, ServerInfo } from "@/api/types";

type Addressed = Pick<ServerInfo, "path" | "supported_transports">;

export interface Endpoint {
  url: string;
  transport: "streamable-http" | "sse";
  /** True when nobody configured a public address and this page's own origin stands in for it. */
  guessed: boolean;
}

/** Where MCP clients reach a server: at the gateway, never at the upstream. */
export function endpointOf(server: Addressed, config: PublicConfig | undefined, origin: string): Endpoint {
  const base = config?.gateway_public_url ?? origin;
  const onlySse =
    server.supported_transports.includes("sse") && !server.supported_transports.includes("streamable-http");
  const transport = onlySse ? "sse" : "streamable-http";
  const suffix = onlySse ? "/sse" : "/mcp";
  return {
    url: base.replace(/\/+$/, "") + server.path.replace(/\/+$/, "") + suffix,
    transport,
    guessed: !config?.gateway_public_url,
  };
}
