import { rememberCsrfToken, request } from "./client";
import { isStatus } from "./errors";
import type { Me, Providers, PublicConfig } from "./types";

/** The signed-in user, or null where nobody is signed in. */
export async function fetchMe(signal?: AbortSignal): Promise<Me | null> {
  try {
    const { data } = await request<Me>("/api/auth/me", signal ? { signal } : {});
    rememberCsrfToken(data.csrf_token ?? null);
    return data;
  } catch (error) {
    if (isStatus(error, 401)) return null;
    throw error;
  }
}

export async function login(username: string, password: string): Promise<void> {
  await request("/api/auth/login", { method: "POST", json: { username, password } });
}

/** Ends the session; the address to go to where the identity provider must hear of it too. */
export async function logout(): Promise<string | null> {
  const { data } = await request<{ logout_url?: string } | undefined>("/api/auth/logout", {
    method: "POST",
    json: {},
  });
  rememberCsrfToken(null);
  return data?.logout_url ?? null;
}

export async function fetchProviders(signal?: AbortSignal): Promise<Providers> {
  return (await request<Providers>("/api/auth/providers", signal ? { signal } : {})).data;
}

export async function fetchConfig(signal?: AbortSignal): Promise<PublicConfig> {
  return (await request<PublicConfig>("/api/config", signal ? { signal } : {})).data;
}

/** Where the browser goes to sign in with an identity provider, and where it comes back to. */
export const providerLoginUrl = (name: string, target = "/"): string =>
  `/oauth2/login/${encodeURIComponent(name)}?redirect_uri=${encodeURIComponent(`/ui${target}`)}`;
