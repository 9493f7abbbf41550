/**
 * Names the rest of the application uses for the generated types: the one file a changed snapshot touches.
 * Where the snapshot leaves a shape open (`object`, `string`), it is said here what the registry puts there.
 */
import type { components } from "./schema";

type Schemas = components["schemas"];
type With<T, Shapes> = Omit<T, keyof Shapes> & Shapes;

export type HealthStatus = "healthy" | "unhealthy" | "unknown" | "disabled";

/** One tool as its server describes it. Comes from outside: only the name is sure. */
export interface Tool {
  name: string;
  description?: string;
  parsed_description?: unknown;
  schema?: unknown;
}

interface OpenShapes {
  headers: Record<string, string>[];
  metadata: Record<string, unknown>;
  supported_transports: string[];
}

export type ServerInfo = With<
  Schemas["ServerInfo"],
  OpenShapes & { tool_list: Tool[]; health: With<Schemas["ServerHealth"], { status: HealthStatus }> }
>;
export type ServerDefinition = With<Schemas["ServerDefinition"], Partial<OpenShapes>>;
/** A merge patch: in metadata, null removes a key. */
export type ServerPatch = Partial<ServerDefinition>;
export type Problem = Schemas["Problem"];
export type FieldError = Schemas["FieldError"];
export type Me = Schemas["Me"];
export type Providers = Schemas["Providers"];
export type TokenRequest = Schemas["TokenRequest"];
export type TokenGenerated = Schemas["TokenGenerated"];
export type TokenInfo = Schemas["TokenInfo"];
export type PolicyDocument = Schemas["PolicyDocument"];
export type ScopeDocument = Schemas["ScopeDocument"];
export type Explained = Schemas["Explained"];
export type AuditLine = Schemas["AuditLine"];
export type AuditPage = Schemas["AuditPage"];
export type UserInfo = Schemas["UserInfo"];
export type UserWritten = Schemas["UserWritten"];
export type UserPatched = Schemas["UserPatched"];
export type UserEnded = Schemas["UserEnded"];
export type AccountInfo = Schemas["AccountInfo"];
export type AccountWritten = Schemas["AccountWritten"];
export type AccountPatched = Schemas["AccountPatched"];
/** The report is what a gateway says of itself: nothing in it is sure. */
export type GatewayInfo = With<Schemas["GatewayInfo"], { report: unknown }>;
export type GatewayCredential = Schemas["GatewayCredential"];
export type GatewayKeyInfo = Schemas["GatewayKeyInfo"];
export type GatewayList = With<Schemas["GatewayList"], { gateways: GatewayInfo[] }>;
export type GatewayMade = Schemas["GatewayMade"];
export type GatewayWritten = Schemas["GatewayWritten"];
export type PublicConfig = Schemas["PublicConfig"];

/** Servers by path, with the version the registry gave the list. */
export interface ServerList {
  etag: string | null;
  servers: Record<string, ServerInfo>;
}

/** One server with the version an edit is based on. */
export interface VersionedServer {
  etag: string | null;
  server: ServerInfo;
}
