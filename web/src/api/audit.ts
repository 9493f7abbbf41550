import { request } from "./client";
import type { AuditPage } from "./types";

/** What is looked for; what is left out matches all. */
export interface AuditSearch {
  kind?: "change" | "access";
  user?: string;
  server?: string;
  tool?: string;
  decision?: "allow" | "deny" | "error";
  request_id?: string;
  since?: string;
  until?: string;
}

export async function fetchAudit(
  search: AuditSearch,
  cursor: string | undefined,
  signal?: AbortSignal,
): Promise<AuditPage> {
  const query = new URLSearchParams({ ...search, limit: "50", ...(cursor ? { cursor } : {}) });
  return (await request<AuditPage>(`/api/audit?${query}`, signal ? { signal } : {})).data;
}
