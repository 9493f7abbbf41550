import type { ServerInfo } from "@/api/types";

export const STATUSES = ["all", "enabled", "disabled", "unhealthy"] as const;
export type StatusFilter = (typeof STATUSES)[number];

export interface ServerFilter {
  q: string;
  status: StatusFilter;
  tags: string[];
}

/** Servers that match every word and every tag, in the state asked for. */
export function filterServers(servers: ServerInfo[], filter: ServerFilter): ServerInfo[] {
  const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
  return servers.filter(
    (server) =>
      hasStatus(server, filter.status) &&
      filter.tags.every((tag) => server.tags.includes(tag)) &&
      (words.length === 0 || matches(server, words)),
  );
}

export function countByStatus(servers: ServerInfo[]): Record<StatusFilter, number> {
  const counts = { all: 0, enabled: 0, disabled: 0, unhealthy: 0 };
  for (const server of servers) {
    for (const status of STATUSES) if (hasStatus(server, status)) counts[status] += 1;
  }
  return counts;
}

/** Tags with the number of servers that carry them, most used first. */
export function countTags(servers: ServerInfo[]): [tag: string, count: number][] {
  const counts = new Map<string, number>();
  for (const server of servers) {
    for (const tag of new Set(server.tags)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  }
  return [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b));
}

function hasStatus(server: ServerInfo, status: StatusFilter): boolean {
  switch (status) {
    case "all":
      return true;
    case "enabled":
      return server.enabled;
    case "disabled":
      return !server.enabled;
    case "unhealthy":
      return server.enabled && server.health.status === "unhealthy";
  }
}

function matches(server: ServerInfo, words: string[]): boolean {
  const text = [
    server.server_name,
    server.path,
    server.description,
    server.proxy_pass_url ?? "",
    ...server.tags,
    ...server.tool_list.map((tool) => tool.name),
  ]
    .join("\n")
    .toLowerCase();
  return words.every((word) => text.includes(word));
}
