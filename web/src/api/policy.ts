import { request } from "./client";
import type { Explained, PolicyDocument } from "./types";

/** The policy as the text of a scopes.yml, with the version an edit is based on. */
export interface PolicyText {
  etag: string | null;
  text: string;
}

export async function fetchPolicy(signal?: AbortSignal): Promise<PolicyDocument> {
  return (await request<PolicyDocument>("/api/policy", signal ? { signal } : {})).data;
}

export async function fetchPolicyText(signal?: AbortSignal): Promise<PolicyText> {
  const answer = await request<string>("/api/policy", { accept: YAML, ...(signal ? { signal } : {}) });
  return { etag: answer.etag, text: answer.data };
}

/** Puts a policy in force, unless somebody else changed it since it was read. */
export async function replacePolicy({ text, etag }: PolicyText): Promise<PolicyDocument> {
  const headers = etag ? { "If-Match": etag } : {};
  return (await request<PolicyDocument>("/api/policy", { method: "PUT", text, contentType: YAML, headers }))
    .data;
}

export interface Question {
  user: string;
  server: string;
  tool: string;
  groups: string;
}

export async function explain(question: Question): Promise<Explained> {
  const query = new URLSearchParams(
    Object.entries(question)
      .map(([name, value]) => [name, value.trim()] as [string, string])
      .filter(([, value]) => value !== ""),
  );
  return (await request<Explained>(`/api/explain?${query}`)).data;
}

const YAML = "application/yaml";
