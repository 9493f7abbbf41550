/** Rules for the path of a server, as the registry has them. The registry decides; this only saves a round trip. */

const RESERVED = new Set([
  "api",
  "auth",
  "validate",
  "oauth2",
  "ui",
  "login",
  "logout",
  "register",
  "toggle",
  "edit",
  "static",
  "assets",
  "ws",
  "health",
  "ready",
  "metrics",
  "v0",
  "v0.1",
  "realms",
  "resources",
  "keycloak",
  ".well-known",
]);
const RESERVED_LAST = new Set(["mcp", "sse", "message", "messages"]);
const SEGMENT = /^[A-Za-z0-9._-]+$/;

/** "Current Time (EU)" → "/current-time-eu"; empty while the name gives nothing to go by. */
export function pathFromName(name: string): string {
  const slug = name
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9._]+/g, "-")
    .replace(/^[-._]+|[-._]+$/g, "")
    .slice(0, 64)
    .replace(/[-._]+$/, "");
  return slug === "" ? "" : `/${slug}`;
}

/** What is wrong with a path, or null. */
export function pathProblem(path: string): string | null {
  if (path === "") return "is required";
  if (!path.startsWith("/")) return "must start with a slash";
  const segments = path.replace(/^\/|\/$/g, "").split("/");
  if (segments.some((segment) => segment === "." || segment === ".."))
    return "must not contain “.” or “..” segments";
  if (!segments.every((segment) => SEGMENT.test(segment)))
    return "may hold letters, digits, “.”, “_” and “-” between slashes";
  const [first = ""] = segments;
  if (RESERVED.has(first)) return `must not start with /${first}: the gateway uses it itself`;
  const last = segments.at(-1) ?? "";
  if (RESERVED_LAST.has(last)) return `must not end in /${last}: the gateway adds it itself`;
  return null;
}
