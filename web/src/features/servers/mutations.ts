import { useMutation, useMutationState, useQueryClient } from "@tanstack/react-query";
import { ApiError } from "@/api/errors";
import { serverQuery } from "@/api/queries";
import { deleteServer, patchServer } from "@/api/servers";
import type { ServerInfo } from "@/api/types";
import { useToast } from "@/components/ui/toast";
import { plainText } from "@/lib/safe-text";
import { useLive } from "./live";

interface Toggle {
  path: string;
  name: string;
  enabled: boolean;
}

const TOGGLE = ["toggle-server"];

/**
 * Switches a server on or off. What the user asked for shows at once (see `withPendingToggles`);
 * it disappears again by itself when the registry refuses.
 */
export function useToggleServer(path: string) {
  const live = useLive();
  const toast = useToast();
  return useMutation({
    mutationKey: TOGGLE,
    // One after the other: the last click wins.
    scope: { id: `toggle:${path}` },
    mutationFn: (toggle: Toggle) => patchServer(toggle.path, { enabled: toggle.enabled }),
    onSuccess: ({ server }) => live.stored(server),
    onError: (error, toggle) =>
      toast({
        tone: "bad",
        title: `${plainText(toggle.name)} could not be ${toggle.enabled ? "enabled" : "disabled"}`,
        detail: describe(error),
      }),
  });
}

/** What the user asked for and the registry has not answered yet, by path. */
export function usePendingToggles(): ReadonlyMap<string, boolean> {
  const pending = useMutationState({
    filters: { mutationKey: TOGGLE, status: "pending" },
    select: (mutation) => mutation.state.variables as Toggle,
  });
  return new Map(pending.map((toggle) => [toggle.path, toggle.enabled]));
}

export function withPendingToggles(
  servers: ServerInfo[],
  pending: ReadonlyMap<string, boolean>,
): ServerInfo[] {
  if (pending.size === 0) return servers;
  return servers.map((server) => {
    const enabled = pending.get(server.path);
    return enabled === undefined || enabled === server.enabled ? server : { ...server, enabled };
  });
}

/** `onDeleted` runs before the server leaves the list, while whoever shows it is still there. */
export function useDeleteServer(onDeleted?: () => void) {
  const live = useLive();
  const client = useQueryClient();
  const toast = useToast();
  return useMutation({
    mutationFn: async (server: ServerInfo) => {
      try {
        await deleteServer(server.path);
      } catch (error) {
        // Somebody was quicker: the wish is fulfilled.
        if (!(error instanceof ApiError && error.status === 404)) throw error;
      }
    },
    onSuccess: (_, server) => {
      onDeleted?.();
      live.removed(server.path);
      client.removeQueries({ queryKey: serverQuery(server.path).queryKey });
      toast({ tone: "good", title: `${plainText(server.server_name)} was deleted` });
    },
    onError: (error, server) =>
      toast({
        tone: "bad",
        title: `${plainText(server.server_name)} could not be deleted`,
        detail: describe(error),
      }),
  });
}

/** A failure in one line, with the request id an operator can look up. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return "An unexpected error occurred.";
  const id = error instanceof ApiError && error.requestId ? ` (request ${error.requestId})` : "";
  return plainText(`${error.message}${id}`);
}
