import { useQuery, useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { isStatus } from "@/api/errors";
import { type LiveLoop, type LiveStatus, startLive } from "@/api/live";
import { serversQuery } from "@/api/queries";
import { changedServers } from "@/api/servers";
import type { ServerInfo, ServerList } from "@/api/types";
import { changedPaths, markChanged } from "./changes";

interface Live {
  status: LiveStatus;
  /** Puts a stored server into the list at once and drops any older answer that is still under way. */
  stored(server: ServerInfo): void;
  removed(path: string): void;
}

const Context = createContext<Live>({ status: "connecting", stored: () => {}, removed: () => {} });

export const useLive = () => useContext(Context);

/** Keeps the list of servers equal to the registry's for as long as it is mounted. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const loaded = useQuery(serversQuery).isSuccess;
  const [status, setStatus] = useState<LiveStatus>("connecting");
  const loop = useRef<LiveLoop>(null);

  useEffect(() => {
    if (!loaded) return;
    const current = () => client.getQueryData(serversQuery.queryKey);
    const live = startLive<ServerList>({
      poll: (hold, signal) => changedServers(current()?.etag ?? null, hold, signal),
      onChange(list) {
        const before = current()?.servers;
        client.setQueryData(serversQuery.queryKey, list);
        markChanged(changedPaths(before, current()?.servers ?? {}));
      },
      onStatus: setStatus,
      isFatal: (error) => isStatus(error, 401),
      isVisible: () => document.visibilityState === "visible",
      now: () => performance.now(),
      random: Math.random,
    });
    loop.current = live;
    const wake = () => live.wake();
    document.addEventListener("visibilitychange", wake);
    window.addEventListener("online", wake);
    return () => {
      document.removeEventListener("visibilitychange", wake);
      window.removeEventListener("online", wake);
      loop.current = null;
      live.stop();
    };
  }, [client, loaded]);

  const update = useCallback(
    (change: (servers: Record<string, ServerInfo>) => Record<string, ServerInfo>) => {
      client.setQueryData(
        serversQuery.queryKey,
        (list) => list && { ...list, servers: change(list.servers) },
      );
      loop.current?.restart();
    },
    [client],
  );

  const value = useMemo<Live>(
    () => ({
      status,
      stored: (server) => update((servers) => ({ ...servers, [server.path]: server })),
      removed: (path) => update(({ [path]: _, ...rest }) => rest),
    }),
    [status, update],
  );

  return <Context value={value}>{children}</Context>;
}
