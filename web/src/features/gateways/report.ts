import type { GatewayInfo } from "@/api/types";
import { relativeTime } from "@/lib/time";

/** What of a report the page shows; null where it does not say. */
export interface Told {
  version: string | null;
  revision: number | null;
  /** The registry's database that the revision counts in. */
  cluster: string | null;
}

export function told({ report }: Pick<GatewayInfo, "report">): Told {
  const { version, revision, cluster } = (report ?? {}) as Record<string, unknown>;
  return {
    version: typeof version === "string" ? version : null,
    revision: typeof revision === "number" ? revision : null,
    cluster: typeof cluster === "string" ? cluster : null,
  };
}

/**
 * The highest revision that gateways of the same database report, where this one's is lower. The registry does not say
 * which it has itself, so of a single gateway nothing can be said.
 */
export function missedRevision(gateway: GatewayInfo, all: readonly GatewayInfo[]): number | null {
  const { cluster, revision } = told(gateway);
  if (revision === null) return null;
  const others = all.map(told).filter((other) => other.cluster === cluster);
  const highest = Math.max(...others.map((other) => other.revision ?? 0));
  return highest > revision ? highest : null;
}

/** Reports come every few seconds; after a minute without one something is wrong, or the gateway was stopped. */
export const isSilent = (gateway: Pick<GatewayInfo, "last_seen">, now: number): boolean =>
  now - Date.parse(gateway.last_seen) > SILENT_AFTER_MS;

/** "just now" also where the registry's clock is ahead of this one. */
export const seen = (at: string, now: number): string => relativeTime(at, Math.max(now, Date.parse(at)));

const SILENT_AFTER_MS = 60_000;
