import type { ServerDefinition, ServerInfo, ServerPatch } from "@/api/types";

/** One header as the form shows it. `stored`: the registry has a value that nobody can read back. */
export interface HeaderRow {
  key: number;
  name: string;
  value: string;
  stored: boolean;
}

/** A server as the form edits it: text where people type text. */
export interface FormValues {
  server_name: string;
  path: string;
  proxy_pass_url: string;
  supported_transports: string[];
  description: string;
  tags: string[];
  headers: HeaderRow[];
  enabled: boolean;
  public: boolean;
  passthrough: boolean;
  forward_authorization: boolean;
  timeout: string;
  mcp_endpoint: string;
  sse_endpoint: string;
  tls_ca: string;
  tls_insecure: boolean;
  license: string;
  metadata: string;
}

export type FieldName = keyof FormValues;

/** What the registry shows in place of a header's value, and takes as "keep it". */
export const HIDDEN_VALUE = "***";

export const emptyValues = (): FormValues => ({
  server_name: "",
  path: "",
  proxy_pass_url: "",
  supported_transports: ["streamable-http"],
  description: "",
  tags: [],
  headers: [],
  enabled: true,
  public: false,
  passthrough: false,
  forward_authorization: false,
  timeout: "",
  mcp_endpoint: "",
  sse_endpoint: "",
  tls_ca: "",
  tls_insecure: false,
  license: "",
  metadata: "",
});

export function valuesOf(server: ServerInfo): FormValues {
  return {
    server_name: server.server_name,
    path: server.path,
    proxy_pass_url: server.proxy_pass_url ?? "",
    supported_transports: server.supported_transports,
    description: server.description,
    tags: server.tags,
    headers: server.headers
      .flatMap((entry) => Object.entries(entry))
      .map(([name, value], index) => headerRow(index, name, value)),
    enabled: server.enabled,
    public: server.public,
    passthrough: server.passthrough,
    forward_authorization: server.forward_authorization,
    timeout: server.timeout == null ? "" : String(server.timeout),
    mcp_endpoint: server.mcp_endpoint ?? "",
    sse_endpoint: server.sse_endpoint ?? "",
    tls_ca: server.tls?.ca ?? "",
    tls_insecure: server.tls?.insecure ?? false,
    license: server.license === "N/A" ? "" : server.license,
    metadata: Object.keys(server.metadata ?? {}).length > 0 ? JSON.stringify(server.metadata, null, 2) : "",
  };
}

function headerRow(key: number, name: string, value: string): HeaderRow {
  const stored = value === HIDDEN_VALUE;
  return { key, name, value: stored ? "" : value, stored };
}

/** The definition that the values stand for. Call it only when `problemsOf` finds nothing. */
export function definitionOf(values: FormValues): Partial<ServerDefinition> {
  const ca = values.tls_ca.trim();
  return {
    server_name: values.server_name.trim(),
    path: values.path.trim(),
    proxy_pass_url: values.proxy_pass_url.trim(),
    supported_transports: values.supported_transports,
    description: values.description.trim(),
    tags: values.tags,
    headers: values.headers.map(writtenHeader),
    enabled: values.enabled,
    public: values.public,
    passthrough: values.passthrough,
    forward_authorization: values.forward_authorization,
    timeout: values.timeout.trim() === "" ? null : Number(values.timeout),
    mcp_endpoint: values.mcp_endpoint.trim() || null,
    sse_endpoint: values.sse_endpoint.trim() || null,
    tls: ca || values.tls_insecure ? { ca: ca || null, insecure: values.tls_insecure } : null,
    license: values.license.trim() || "N/A",
    metadata: values.metadata.trim() === "" ? {} : (JSON.parse(values.metadata) as Record<string, unknown>),
  };
}

const writtenHeader = (row: HeaderRow): Record<string, string> => ({
  [row.name.trim()]: row.stored && row.value === "" ? HIDDEN_VALUE : row.value,
});

/** Only what differs: fields that this form does not know, or the user did not touch, stay as they are. */
export function patchOf(before: FormValues, after: FormValues): ServerPatch {
  const [old, current] = [definitionOf(before), definitionOf(after)];
  const changed = Object.entries(current).filter(
    ([field, value]) =>
      field !== "path" && JSON.stringify(value) !== JSON.stringify(old[field as keyof ServerDefinition]),
  );
  const patch = Object.fromEntries(changed);
  // In a merge patch a key that is left out stays: what was removed has to be named.
  if ("metadata" in patch) patch.metadata = mergeOf(old.metadata ?? {}, current.metadata ?? {});
  return patch;
}

function mergeOf(before: Record<string, unknown>, after: Record<string, unknown>): Record<string, unknown> {
  const removed = Object.keys(before).filter((key) => !(key in after));
  return { ...Object.fromEntries(removed.map((key) => [key, null])), ...after };
}

/** The user's changes on top of somebody else's: fields the user touched keep the user's value. */
export function rebase(before: FormValues, mine: FormValues, theirs: FormValues): FormValues {
  const touched = (Object.keys(mine) as FieldName[]).filter(
    (field) => JSON.stringify(mine[field]) !== JSON.stringify(before[field]),
  );
  return { ...theirs, ...Object.fromEntries(touched.map((field) => [field, mine[field]])) };
}
