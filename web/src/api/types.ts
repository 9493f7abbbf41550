/** Names the rest of the application uses for the generated types: the one file a changed snapshot touches. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type ServerInfo = Schemas["ServerInfo"];
export type ServerDefinition = Schemas["ServerDefinition"];
export type ServerPatch = Partial<ServerDefinition>;
export type HealthStatus = Schemas["ServerHealth"]["status"];
export type Tool = Schemas["Tool"];
export type Problem = Schemas["Problem"];
export type FieldError = Schemas["FieldError"];
export type Me = Schemas["Me"];
export type Providers = Schemas["Providers"];
export type TokenRequest = Partial<Schemas["TokenRequest"]>;
export type TokenGenerated = Schemas["TokenGenerated"];
export type TokenInfo = Schemas["TokenInfo"];
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
