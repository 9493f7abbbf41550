import type { AuditSearch } from "@/api/audit";

const KINDS = ["change", "access"] as const;
const DECISIONS = ["allow", "deny", "error"] as const;
const TEXTS = ["user", "server", "tool", "request_id", "since", "until"] as const;

/** What the address of the page says; anything left out matches all, anything foreign is ignored. */
export function auditSearch(search: Record<string, unknown>): AuditSearch {
  const result: AuditSearch = {};
  const kind = KINDS.find((known) => known === search.kind);
  if (kind) result.kind = kind;
  const decision = DECISIONS.find((known) => known === search.decision);
  if (decision) result.decision = decision;
  for (const name of TEXTS) {
    const value = search[name];
    // The router reads `?user=42` as a number.
    if (typeof value !== "string" && typeof value !== "number") continue;
    const text = String(value).trim();
    if (text) result[name] = text;
  }
  return result;
}

/** The moment that a field for local time holds, as the registry reads it. */
export function moment(local: string): string | undefined {
  const at = local ? new Date(local) : null;
  if (!at || Number.isNaN(at.getTime())) return undefined;
  return `${at.toISOString().slice(0, 19)}Z`;
}

/** The other way: what the field shows for a moment. */
export function localTime(moment: string | undefined): string {
  const at = moment ? new Date(moment) : null;
  if (!at || Number.isNaN(at.getTime())) return "";
  const pad = (value: number) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${pad(at.getHours())}:${pad(at.getMinutes())}`;
}
