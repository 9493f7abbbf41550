import { sentence } from "@/lib/sentence";
import type { FieldError, Problem } from "./types";

/** An answer of the registry that says no. Everything the user is shown about it comes from here. */
export class ApiError extends Error {
  readonly status: number;
  readonly title: string;
  readonly requestId: string | null;
  readonly fields: readonly FieldError[];
  readonly retryAfterSeconds: number | null;

  constructor(init: {
    status: number;
    title: string;
    detail?: string | undefined;
    requestId?: string | null;
    fields?: readonly FieldError[];
    retryAfterSeconds?: number | null;
  }) {
    super(init.detail || init.title);
    this.name = "ApiError";
    this.status = init.status;
    this.title = init.title;
    this.requestId = init.requestId ?? null;
    this.fields = init.fields ?? [];
    this.retryAfterSeconds = init.retryAfterSeconds ?? null;
  }
}

/** No answer came at all: the registry is down, or the network is. */
export class NetworkError extends Error {
  constructor(cause: unknown) {
    super("The registry cannot be reached. Check that it runs and that you are online.", { cause });
    this.name = "NetworkError";
  }
}

export const isStatus = (error: unknown, ...statuses: number[]): error is ApiError =>
  error instanceof ApiError && statuses.includes(error.status);

/** Reads a failed answer, whatever its body turns out to be. */
export async function errorFrom(response: Response): Promise<ApiError> {
  const problem = await problemBody(response);
  const retryAfter = Number(response.headers.get("Retry-After") ?? Number.NaN);
  return new ApiError({
    status: response.status,
    title: titleOf(response.status, problem),
    detail: problem?.detail && sentence(problem.detail),
    requestId: response.headers.get("X-Request-Id") ?? problem?.instance ?? null,
    fields: Array.isArray(problem?.errors) ? problem.errors.filter(isFieldError) : [],
    retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : null,
  });
}

async function problemBody(response: Response): Promise<Partial<Problem> | null> {
  if (!response.headers.get("Content-Type")?.includes("json")) return null;
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? (body as Partial<Problem>) : null;
  } catch {
    return null;
  }
}

function isFieldError(value: unknown): value is FieldError {
  const candidate = value as Partial<FieldError> | null;
  return typeof candidate?.field === "string" && typeof candidate.rule === "string";
}

/** A problem of type about:blank has only the status's own phrase for a title: ours says more. */
function titleOf(status: number, problem: Partial<Problem> | null): string {
  const general =
    TITLES[status] ?? (status >= 500 ? "The registry failed to answer" : "The request was refused");
  return TITLES[status] || !problem?.title || (problem.type ?? "about:blank") === "about:blank"
    ? general
    : problem.title;
}

const TITLES: Record<number, string> = {
  401: "You are signed out",
  403: "You may not do this",
  404: "Not found",
  409: "It exists already",
  412: "Somebody else changed it",
  413: "The request is too large",
  422: "Some fields need attention",
  429: "Too many requests",
  502: "The registry cannot be reached",
  503: "The registry is not ready",
};
