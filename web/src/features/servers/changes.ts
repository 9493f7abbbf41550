import { useSyncExternalStore } from "react";
import type { ServerInfo } from "@/api/types";

/** Remembers which servers somebody else changed, so that their rows can flash. */

const counts = new Map<string, number>();
const listeners = new Set<() => void>();

/** Paths that are new or differ; a mere re-check of an unchanged health is no change. */
export function changedPaths(
  before: Record<string, ServerInfo> | undefined,
  after: Record<string, ServerInfo>,
): string[] {
  if (!before) return [];
  return Object.keys(after).filter((path) => {
    const [old, current] = [before[path], after[path]];
    return old !== current && fingerprint(old) !== fingerprint(current);
  });
}

export function markChanged(paths: string[]): void {
  if (paths.length === 0) return;
  for (const path of paths) counts.set(path, (counts.get(path) ?? 0) + 1);
  for (const listener of listeners) listener();
}

/** Two names for one animation: switching between them starts it again. */
export function useFlashClass(path: string): string {
  const count = useSyncExternalStore(subscribe, () => counts.get(path) ?? 0);
  if (count === 0) return "";
  return count % 2 === 0 ? "flash-even" : "flash-odd";
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function fingerprint(server: ServerInfo | undefined): string {
  if (!server) return "";
  return JSON.stringify({ ...server, health: { ...server.health, checked_at: null } });
}
