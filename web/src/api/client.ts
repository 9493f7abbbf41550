import { ApiError, errorFrom, NetworkError } from "./errors";

export interface RequestOptions {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  json?: unknown;
  /** A body that is sent as it is. */
  text?: string;
  contentType?: string;
  /** What the answer shall be; anything but JSON comes as text. */
  accept?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export interface Answer<T> {
  status: number;
  etag: string | null;
  data: T;
}

/** Sends one request with the session cookie and the CSRF token, and turns every failure into an `Error`. */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<Answer<T>> {
  const response = await send(path, options);
  if (response.status === 304)
    return { status: 304, etag: response.headers.get("ETag"), data: undefined as T };
  if (!response.ok) {
    const error = await errorFrom(response);
    if (error.status === 401) signedOut();
    throw error;
  }
  return {
    status: response.status,
    etag: response.headers.get("ETag"),
    data: await body<T>(response, options.accept),
  };
}

async function send(path: string, options: RequestOptions): Promise<Response> {
  const method = options.method ?? "GET";
  const headers = new Headers({ Accept: options.accept ?? "application/json", ...options.headers });
  const sent = options.json === undefined ? options.text : JSON.stringify(options.json);
  if (sent !== undefined) headers.set("Content-Type", options.contentType ?? "application/json");
  if (method !== "GET" && csrfToken) headers.set("X-CSRF-Token", csrfToken);
  try {
    return await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      // Conditional requests are ours to make; the browser's cache would answer 200 for a 304.
      cache: "no-store",
      redirect: "error",
      ...(sent === undefined ? {} : { body: sent }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new NetworkError(error);
  }
}

async function body<T>(response: Response, accept?: string): Promise<T> {
  if (response.status === 204) return undefined as T;
  if (accept && response.headers.get("Content-Type")?.startsWith(accept)) return (await response.text()) as T;
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError({
      status: response.status,
      title: "The registry sent an answer this page cannot read",
      detail: "Something between this browser and the registry may have replaced it.",
      requestId: response.headers.get("X-Request-Id"),
    });
  }
}

/** Remembers the CSRF token of the session; it goes with every request that changes something. */
export function rememberCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** Calls back whenever the registry answers that nobody is signed in. */
export function onSignedOut(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function signedOut(): void {
  for (const listener of listeners) listener();
}

let csrfToken: string | null = null;
const listeners = new Set<() => void>();
