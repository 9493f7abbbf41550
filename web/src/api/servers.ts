import { request } from "./client";
import type { ServerDefinition, ServerInfo, ServerList, ServerPatch, VersionedServer } from "./types";

/** Seconds the registry may hold a request for changes. */
export const HOLD_SECONDS = 25;

export async function fetchServers(signal?: AbortSignal): Promise<ServerList> {
  const answer = await request<Record<string, ServerInfo>>("/api/servers", signal ? { signal } : {});
  return { etag: answer.etag, servers: byPath(answer.data) };
}

/** The list if it differs from `etag`, else null; with `hold`, the registry waits for a difference first. */
export async function changedServers(
  etag: string | null,
  hold: boolean,
  signal: AbortSignal,
): Promise<ServerList | null> {
  const answer = await request<Record<string, ServerInfo>>(
    `/api/servers${hold ? `?wait=${HOLD_SECONDS}` : ""}`,
    {
      signal,
      ...(etag ? { headers: { "If-None-Match": etag } } : {}),
    },
  );
  return answer.status === 304 ? null : { etag: answer.etag, servers: byPath(answer.data) };
}

export async function fetchServer(path: string, signal?: AbortSignal): Promise<VersionedServer> {
  const answer = await request<ServerInfo>(urlOf(path), signal ? { signal } : {});
  return { etag: answer.etag, server: answer.data };
}

export async function createServer(definition: Partial<ServerDefinition>): Promise<VersionedServer> {
  const answer = await request<ServerInfo>("/api/servers", { method: "POST", json: definition });
  return { etag: answer.etag, server: answer.data };
}

export async function patchServer(
  path: string,
  patch: ServerPatch,
  etag: string | null = null,
): Promise<VersionedServer> {
  const answer = await request<ServerInfo>(urlOf(path), {
    method: "PATCH",
    json: patch,
    contentType: "application/merge-patch+json",
    ...(etag ? { headers: { "If-Match": etag } } : {}),
  });
  return { etag: answer.etag, server: answer.data };
}

export async function deleteServer(path: string): Promise<void> {
  await request(urlOf(path), { method: "DELETE" });
}

/** The id of a server is its path without the leading slash; inner slashes are escaped. */
export const urlOf = (path: string): string => `/api/servers/${encodeURIComponent(trimSlashes(path))}`;

export const trimSlashes = (path: string): string => path.replace(/^\/+|\/+$/g, "");

/** Keys of the answer may end in a slash; the page knows each server by one spelling. */
function byPath(map: Record<string, ServerInfo>): Record<string, ServerInfo> {
  const servers: Record<string, ServerInfo> = {};
  for (const info of Object.values(map)) servers[`/${trimSlashes(info.path)}`] = info;
  return servers;
}
