import { request } from "./client";

/** The parts of an OpenAPI 3.1 document that the API page shows. */
export interface OpenApi {
  info: { title: string; version: string; description?: string };
  tags?: { name: string; description?: string }[];
  paths: Record<string, PathItem>;
  components?: { schemas?: Record<string, Schema> };
}

export type PathItem = Partial<Record<Method, Operation>> & { parameters?: (Parameter | Ref)[] };
export const METHODS = ["get", "post", "put", "patch", "delete"] as const;
export type Method = (typeof METHODS)[number];

export interface Operation {
  tags?: string[];
  operationId?: string;
  summary?: string;
  description?: string;
  deprecated?: boolean;
  parameters?: (Parameter | Ref)[];
  requestBody?: { required?: boolean; description?: string; content?: Record<string, { schema?: Schema }> };
  responses?: Record<string, { description?: string; content?: Record<string, { schema?: Schema }> }>;
}

export interface Ref {
  $ref: string;
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
}

export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  items?: Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  minimum?: number;
  maximum?: number;
}

export interface Endpoint {
  id: string;
  method: Method;
  path: string;
  operation: Operation;
  parameters: Parameter[];
}

export interface Group {
  name: string;
  description: string;
  endpoints: Endpoint[];
}

export async function fetchOpenapi(signal?: AbortSignal): Promise<OpenApi> {
  return (await request<OpenApi>("/api/openapi.json", signal ? { signal } : {})).data;
}

/** Operations by their first tag: tags in the document's order, then those it does not describe. */
export function groupsOf(document: OpenApi): Group[] {
  const groups = new Map<string, Group>(
    (document.tags ?? []).map(({ name, description = "" }) => [name, { name, description, endpoints: [] }]),
  );
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      const name = operation.tags?.[0] ?? "other";
      const group = groups.get(name) ?? { name, description: "", endpoints: [] };
      groups.set(name, group);
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].filter(isParameter);
      group.endpoints.push({
        id: `${method}${path}`.replace(/[^A-Za-z0-9]+/g, "-"),
        method,
        path,
        operation,
        parameters,
      });
    }
  }
  return [...groups.values()].filter((group) => group.endpoints.length > 0);
}

/** The schema behind a `$ref`, and its name. */
export function resolve(schema: Schema, document: OpenApi): { name: string | null; schema: Schema } {
  const name = schema.$ref?.match(/^#\/components\/schemas\/(.+)$/)?.[1];
  if (!name) return { name: null, schema };
  return { name, schema: document.components?.schemas?.[name] ?? {} };
}

/** A type in a few words: `string (date-time)`, `ServerInfo[]`, `integer or null`. */
export function typeLabel(schema: Schema | undefined): string {
  if (!schema) return "any";
  if (schema.$ref) return schema.$ref.split("/").at(-1) ?? "object";
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants) return variants.map(typeLabel).join(" or ");
  if (schema.allOf) return schema.allOf.map(typeLabel).join(" and ");
  const types = Array.isArray(schema.type)
    ? schema.type
    : [schema.type ?? (schema.properties ? "object" : "any")];
  return types
    .map((type) => {
      if (type === "array") return `${typeLabel(schema.items)}[]`;
      if (type === "object" && typeof schema.additionalProperties === "object")
        return `map of ${typeLabel(schema.additionalProperties)}`;
      return schema.format && type !== "null" ? `${type} (${schema.format})` : type;
    })
    .join(" or ");
}

const isParameter = (parameter: Parameter | Ref): parameter is Parameter => "name" in parameter;
