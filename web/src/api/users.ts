import { request } from "./client";
import type {
  AccountInfo,
  AccountPatched,
  AccountWritten,
  UserEnded,
  UserInfo,
  UserPatched,
  UserWritten,
} from "./types";

const USERS = "/api/users";
const ACCOUNTS = "/api/service-accounts";

export async function fetchUsers(signal?: AbortSignal): Promise<UserInfo[]> {
  return (await request<UserInfo[]>(USERS, signal ? { signal } : {})).data;
}

export async function createUser(user: UserWritten): Promise<UserInfo> {
  return (await request<UserInfo>(USERS, { method: "POST", json: user })).data;
}

export async function patchUser(username: string, patch: UserPatched): Promise<UserInfo> {
  return (await request<UserInfo>(one(USERS, username), { method: "PATCH", json: patch })).data;
}

export async function removeUser(username: string): Promise<void> {
  await request(one(USERS, username), { method: "DELETE" });
}

/** Ends all sessions, tokens and API keys of everybody of that name, or of the one at this provider. */
export async function endCredentials(username: string, provider?: string): Promise<UserEnded> {
  const query = provider ? `?${new URLSearchParams({ provider })}` : "";
  const path = `${one(USERS, username)}/credentials${query}`;
  return (await request<UserEnded>(path, { method: "DELETE" })).data;
}

export async function fetchAccounts(signal?: AbortSignal): Promise<AccountInfo[]> {
  return (await request<AccountInfo[]>(ACCOUNTS, signal ? { signal } : {})).data;
}

export async function createAccount(account: AccountWritten): Promise<AccountInfo> {
  return (await request<AccountInfo>(ACCOUNTS, { method: "POST", json: account })).data;
}

export async function patchAccount(name: string, patch: AccountPatched): Promise<AccountInfo> {
  return (await request<AccountInfo>(one(ACCOUNTS, name), { method: "PATCH", json: patch })).data;
}

export async function removeAccount(name: string): Promise<void> {
  await request(one(ACCOUNTS, name), { method: "DELETE" });
}

const one = (collection: string, name: string) => `${collection}/${encodeURIComponent(name)}`;
