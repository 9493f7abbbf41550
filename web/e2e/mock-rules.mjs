/** The rules for a definition that the UI has to show the breaking of. */

export const WRITABLE = new Set([
  "server_name",
  "path",
  "description",
  "proxy_pass_url",
  "supported_transports",
  "transport",
  "mcp_endpoint",
  "sse_endpoint",
  "auth_type",
  "auth_provider",
  "headers",
  "tags",
  "license",
  "num_stars",
  "is_python",
  "enabled",
  "public",
  "passthrough",
  "forward_authorization",
  "timeout",
  "tls",
  "metadata",
  "tool_list",
]);

const RESERVED = new Set([
  "api",
  "auth",
  "ui",
  "login",
  "logout",
  "static",
  "oauth2",
  "health",
  "ready",
  "metrics",
]);

export function fieldErrors(definition, creating) {
  const errors = [];
  const rule = (field, value, text) => errors.push({ field, value, rule: text });
  if (!definition.server_name?.trim()) rule("/server_name", definition.server_name ?? null, "is required");
  if (creating) {
    const [first] = definition.path.slice(1).split("/");
    if (!/^(\/[A-Za-z0-9._-]+)+$/.test(definition.path))
      rule("/path", definition.path, "segments may hold letters, digits, '.', '_' and '-'");
    else if (RESERVED.has(first))
      rule("/path", definition.path, `must not start with the reserved segment '${first}'`);
  }
  for (const field of ["proxy_pass_url", "mcp_endpoint", "sse_endpoint"]) {
    const value = definition[field];
    if (value == null && field !== "proxy_pass_url") continue;
    const url = URL.canParse(value ?? "") ? new URL(value) : null;
    if (!url || !/^https?:$/.test(url.protocol))
      rule(`/${field}`, value ?? null, "must be an http or https URL");
    else if (url.hostname.startsWith("169.254."))
      rule(`/${field}`, value, "must not be a link-local or metadata address");
  }
  (definition.tags ?? []).forEach((tag, index) => {
    if (tag.length > 64) rule(`/tags/${index}`, tag, "must be at most 64 characters long");
  });
  (definition.headers ?? []).forEach((entry, index) => {
    for (const name of Object.keys(entry)) {
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
        rule(`/headers/${index}`, name, "must be a header name");
      else if (name.toLowerCase() === "host")
        rule(`/headers/${index}/${name}`, "***", "is set by the gateway itself");
    }
  });
  if (definition.timeout != null && !(definition.timeout >= 1 && definition.timeout <= 86_400))
    rule("/timeout", definition.timeout, "must be from 1 to 86400 seconds");
  if (definition.tls?.ca && !definition.tls.ca.includes("BEGIN CERTIFICATE"))
    rule("/tls/ca", definition.tls.ca, "must hold at least one PEM certificate");
  return errors;
}
