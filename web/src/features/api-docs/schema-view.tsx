import { useState } from "react";
import { type OpenApi, resolve, type Schema, typeLabel } from "@/api/openapi";
import { SafeText } from "@/components/safe-text";
import { Prose } from "./prose";

interface SchemaViewProps {
  schema: Schema;
  document: OpenApi;
  /** In what the registry answers, every field is there: which are required says nothing. */
  answer?: boolean;
}

/** Properties of a schema, one level at a time: what lies deeper opens on demand, so that cycles do no harm. */
export function SchemaView({ schema, document, answer = false }: SchemaViewProps) {
  const inner = inside(schema, document);
  const properties = Object.entries(inner.properties);
  return (
    <div className="overflow-hidden rounded-lg border border-line bg-surface text-[0.87rem]">
      <p className="bg-sunken/60 px-3.5 py-1.5 font-mono text-[0.79rem] text-ink-3">{typeLabel(schema)}</p>
      {properties.length > 0 && (
        <dl className="divide-y divide-line border-t border-line">
          {properties.map(([name, property]) => (
            <Property
              key={name}
              name={name}
              schema={property}
              required={!answer && inner.required.includes(name)}
              answer={answer}
              document={document}
            />
          ))}
        </dl>
      )}
    </div>
  );
}

interface PropertyProps extends SchemaViewProps {
  name: string;
  required: boolean;
}

function Property({ name, schema, required, document, answer = false }: PropertyProps) {
  const [open, setOpen] = useState(false);
  const deeper = Object.keys(inside(schema, document).properties).length > 0;
  const facts = [
    schema.enum && `one of ${schema.enum.map((value) => JSON.stringify(value)).join(", ")}`,
    schema.default !== undefined && `default ${JSON.stringify(schema.default)}`,
    schema.minimum !== undefined && `at least ${schema.minimum}`,
    schema.maximum !== undefined && `at most ${schema.maximum}`,
  ].filter(Boolean);
  return (
    <div className="grid gap-x-4 gap-y-0.5 px-3.5 py-2 sm:grid-cols-[15rem_minmax(0,1fr)]">
      <dt className="min-w-0">
        <span className="font-mono text-[0.83rem] break-all">
          <SafeText>{name}</SafeText>
        </span>
        {required && <span className="ml-2 text-[0.79rem] text-bad">required</span>}
      </dt>
      <dd className="min-w-0 text-ink-2">
        {deeper ? (
          <button
            type="button"
            aria-expanded={open}
            onClick={() => setOpen((now) => !now)}
            className="rounded font-mono text-[0.79rem] text-accent hover:underline"
          >
            {typeLabel(schema)}
          </button>
        ) : (
          <span className="font-mono text-[0.79rem] text-ink-3">{typeLabel(schema)}</span>
        )}
        {schema.description && (
          <span className="ml-2">
            <Prose>{schema.description}</Prose>
          </span>
        )}
        {facts.length > 0 && <p className="text-[0.81rem] break-words text-ink-3">{facts.join(" · ")}</p>}
        {open && (
          <div className="mt-2">
            <SchemaView schema={schema} document={document} answer={answer} />
          </div>
        )}
      </dd>
    </div>
  );
}

/** The object inside references, lists, maps and "or null". */
function inside(
  schema: Schema,
  document: OpenApi,
  depth = 0,
): { properties: Record<string, Schema>; required: string[] } {
  const target = resolve(schema, document).schema;
  if (target.properties) return { properties: target.properties, required: target.required ?? [] };
  const variants = (target.oneOf ?? target.anyOf ?? target.allOf ?? []).filter(
    (variant) => variant.type !== "null",
  );
  const next =
    target.items ??
    (typeof target.additionalProperties === "object" ? target.additionalProperties : undefined) ??
    (variants.length === 1 ? variants[0] : undefined);
  return next && depth < 5 ? inside(next, document, depth + 1) : { properties: {}, required: [] };
}
