import { queryOptions, useQuery } from "@tanstack/react-query";
import { may, type Permission } from "@/lib/permission";
import { fetchConfig, fetchMe, fetchProviders } from "./auth";
import { ApiError } from "./errors";
import { fetchGateways } from "./gateways";
import { fetchPolicy, fetchPolicyText } from "./policy";
import { fetchServer, fetchServers } from "./servers";
import { fetchTokens } from "./tokens";
import type { Me } from "./types";
import { fetchAccounts, fetchUsers } from "./users";

/** Errors worth a second try: no answer, or the registry's own trouble. Never a refusal. */
export const retryable = (failures: number, error: unknown): boolean =>
  failures < 2 && !(error instanceof ApiError && error.status < 500);

export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: ({ signal }) => fetchMe(signal),
  staleTime: 60_000,
});

export const configQuery = queryOptions({
  queryKey: ["config"],
  queryFn: ({ signal }) => fetchConfig(signal),
  staleTime: 5 * 60_000,
});

export const providersQuery = queryOptions({
  queryKey: ["providers"],
  queryFn: ({ signal }) => fetchProviders(signal),
  staleTime: 60_000,
  retry: false,
});

/** Loaded once; the live loop keeps it fresh from then on. */
export const serversQuery = queryOptions({
  queryKey: ["servers"],
  queryFn: ({ signal }) => fetchServers(signal),
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: Number.POSITIVE_INFINITY,
});

/** One server with its ETag, read anew for each edit and never changed under the user's hands. */
export const serverQuery = (path: string) =>
  queryOptions({
    queryKey: ["server", path],
    queryFn: ({ signal }) => fetchServer(path, signal),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });

export const tokensQuery = (all: boolean) =>
  queryOptions({ queryKey: ["tokens", { all }], queryFn: ({ signal }) => fetchTokens(all, signal) });

export const policyQuery = queryOptions({
  queryKey: ["policy"],
  queryFn: ({ signal }) => fetchPolicy(signal),
});

/** Read anew for each edit and never changed under the user's hands. */
export const policyTextQuery = queryOptions({
  queryKey: ["policy", "text"],
  queryFn: ({ signal }) => fetchPolicyText(signal),
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: 0,
  refetchOnWindowFocus: false,
  refetchOnReconnect: false,
});

export const usersQuery = queryOptions({
  queryKey: ["users"],
  queryFn: ({ signal }) => fetchUsers(signal),
});

export const accountsQuery = queryOptions({
  queryKey: ["service-accounts"],
  queryFn: ({ signal }) => fetchAccounts(signal),
});

/** Asked for as often as gateways report. */
export const gatewaysQuery = queryOptions({
  queryKey: ["gateways"],
  queryFn: ({ signal }) => fetchGateways(signal),
  refetchInterval: 5_000,
});

export const openapiQuery = queryOptions({
  queryKey: ["openapi"],
  queryFn: async ({ signal }) => (await import("./openapi")).fetchOpenapi(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

/** The signed-in user. Only for components below the signed-in layout. */
export function useMe(): Me | null {
  return useQuery(meQuery).data ?? null;
}

/** Whether the signed-in user may do this with a server; without a path, with any at all. */
export const useMay = (permission: Permission, path?: string): boolean => may(useMe(), permission, path);

export const useConfig = () => useQuery(configQuery).data;
