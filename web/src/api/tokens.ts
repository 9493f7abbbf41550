import { request } from "./client";
import type { TokenGenerated, TokenInfo, TokenRequest } from "./types";

export async function fetchTokens(all: boolean, signal?: AbortSignal): Promise<TokenInfo[]> {
  return (await request<TokenInfo[]>(`/api/tokens${all ? "?all=true" : ""}`, signal ? { signal } : {})).data;
}

export async function generateToken(wanted: TokenRequest): Promise<TokenGenerated> {
  return (await request<TokenGenerated>("/api/tokens/generate", { method: "POST", json: wanted })).data;
}

export async function revokeToken(id: string): Promise<void> {
  await request(`/api/tokens/${encodeURIComponent(id)}`, { method: "DELETE" });
}
