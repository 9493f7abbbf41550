import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { serversQuery } from "@/api/queries";
import type { ServerInfo } from "@/api/types";
import { usePendingToggles, withPendingToggles } from "./mutations";

/** All servers by name, with what the user just asked for already applied. */
export function useServers() {
  const query = useQuery(serversQuery);
  const pending = usePendingToggles();
  const sorted = useMemo(
    () =>
      Object.values(query.data?.servers ?? {}).sort(
        (a, b) => a.server_name.localeCompare(b.server_name) || a.path.localeCompare(b.path),
      ),
    [query.data],
  );
  // `pending` is new on every render; its content decides.
  const key = JSON.stringify([...pending]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for `pending`
  const servers = useMemo(() => withPendingToggles(sorted, pending), [sorted, key]);
  return { query, servers };
}

export function useServer(path: string): {
  query: ReturnType<typeof useServers>["query"];
  server: ServerInfo | undefined;
} {
  const { query, servers } = useServers();
  return { query, server: servers.find((server) => server.path === path) };
}
