import type { FieldError } from "@/api/types";
import { pathProblem } from "@/lib/path";
import { plainText, safeHref } from "@/lib/safe-text";
import { sentence } from "@/lib/sentence";
import type { FieldName, FormValues } from "./values";

/** Messages by field, and those that belong to no field on the page. */
export interface Problems {
  fields: Partial<Record<FieldName, string>>;
  others: string[];
}

export const noProblems: Problems = { fields: {}, others: [] };

export const hasProblems = (problems: Problems): boolean =>
  problems.others.length > 0 || Object.keys(problems.fields).length > 0;

/** What can be said without asking the registry. The registry has the last word. */
export function problemsOf(values: FormValues, creating: boolean): Problems {
  const fields: Problems["fields"] = {};
  if (values.server_name.trim() === "") fields.server_name = "A name is required.";
  const path = creating ? pathProblem(values.path.trim()) : null;
  if (path) fields.path = sentence(`The path ${path}`);
  if (values.proxy_pass_url.trim() === "") fields.proxy_pass_url = "An address is required.";
  else if (!safeHref(values.proxy_pass_url.trim())) fields.proxy_pass_url = "Must be an http or https URL.";
  for (const field of ["mcp_endpoint", "sse_endpoint"] as const) {
    const value = values[field].trim();
    if (value !== "" && !safeHref(value)) fields[field] = "Must be an http or https URL.";
  }
  if (values.supported_transports.length === 0)
    fields.supported_transports = "Choose at least one transport.";
  if (values.timeout.trim() !== "" && !/^[1-9]\d{0,5}$/.test(values.timeout.trim()))
    fields.timeout = "Must be a whole number of seconds, at least 1.";
  if (values.headers.some((row) => row.name.trim() === "")) fields.headers = "Every header needs a name.";
  else if (values.headers.some((row) => !row.stored && row.value === ""))
    fields.headers = "Every header needs a value.";
  else if (repeats(values.headers.map((row) => row.name.trim().toLowerCase())))
    fields.headers = "Each header may be set once.";
  if (!isObjectText(values.metadata)) fields.metadata = "Must be a JSON object.";
  return { fields, others: [] };
}

/** Puts the registry's field errors beside the fields they point at. */
export function problemsFrom(errors: readonly FieldError[]): Problems {
  const fields: Problems["fields"] = {};
  const others: string[] = [];
  for (const error of errors) {
    const segments = pointerSegments(error.field);
    const field = fieldOf(segments);
    if (!field) {
      others.push(plainText(sentence(`${error.field || "The definition"}: ${error.rule}`)));
      continue;
    }
    const message = plainText(detail(segments, error));
    fields[field] = fields[field] ? `${fields[field]} ${message}` : message;
  }
  return { fields, others };
}

/** "/headers/0/X~1Y" → ["headers", "0", "X/Y"]. */
export function pointerSegments(pointer: string): string[] {
  return pointer
    .replace(/^#?\/?/, "")
    .split("/")
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function fieldOf([first = "", second = ""]: string[]): FieldName | null {
  if (first === "tls") return second === "insecure" ? "tls_insecure" : "tls_ca";
  return KNOWN.find((field) => field === first) ?? null;
}

/** Says which entry of a list is meant, and turns the rule into a sentence. */
function detail([first = "", second, third]: string[], error: FieldError): string {
  const value = typeof error.value === "string" ? error.value : undefined;
  if (first === "tags" && second !== undefined)
    return sentence(`Tag “${value ?? Number(second) + 1}”: ${error.rule}`);
  if (first === "headers" && second !== undefined)
    return sentence(`Header ${third ? `“${third}”` : Number(second) + 1}: ${error.rule}`);
  return sentence(error.rule);
}

function isObjectText(text: string): boolean {
  if (text.trim() === "") return true;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

const repeats = (names: string[]): boolean => new Set(names).size < names.length;

const KNOWN: FieldName[] = [
  "server_name",
  "path",
  "proxy_pass_url",
  "supported_transports",
  "description",
  "tags",
  "headers",
  "enabled",
  "public",
  "passthrough",
  "forward_authorization",
  "timeout",
  "mcp_endpoint",
  "sse_endpoint",
  "license",
  "metadata",
];

/** Fields of the section that is closed at first: an error in one of them opens it. */
export const ADVANCED: ReadonlySet<FieldName> = new Set([
  "timeout",
  "mcp_endpoint",
  "sse_endpoint",
  "passthrough",
  "forward_authorization",
  "tls_ca",
  "tls_insecure",
  "license",
  "metadata",
]);
