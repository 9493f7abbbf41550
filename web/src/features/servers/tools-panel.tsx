import { ChevronRight, Wrench } from "lucide-react";
import type { ServerInfo, Tool } from "@/api/types";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";
import { Card, CardHeader } from "@/components/ui/card";

export function ToolsPanel({ server }: { server: ServerInfo }) {
  const tools = server.tool_list;
  return (
    <Card className="overflow-hidden">
      <CardHeader
        title={
          <>
            Tools{" "}
            {tools.length > 0 && (
              <span className="ml-1 font-normal text-ink-3 tabular-nums">{tools.length}</span>
            )}
          </>
        }
      />
      {tools.length === 0 ? (
        <p className="flex items-center gap-2.5 border-t border-line px-5 py-5 text-[0.9rem] text-ink-3">
          <Wrench className="size-4 shrink-0" aria-hidden />
          No tools are known yet. They appear here once they have been read from the server.
        </p>
      ) : (
        <ul className="divide-y divide-line border-t border-line">
          {tools.map((tool) => (
            <ToolRow key={tool.name} tool={tool} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function ToolRow({ tool }: { tool: Tool }) {
  const parameters = parametersOf(tool);
  const description = descriptionOf(tool);
  return (
    <li>
      <details className="group">
        <summary className="flex list-none items-start gap-3 px-5 py-3 transition-colors hover:bg-sunken/70 focus-visible:-outline-offset-2 [&::-webkit-details-marker]:hidden">
          <ChevronRight
            className="mt-1 size-3.5 shrink-0 text-ink-3 transition-transform group-open:rotate-90"
            aria-hidden
          />
          <span className="min-w-0 flex-1">
            <span className="block truncate font-mono text-[0.87rem] font-medium">
              <SafeText>{tool.name}</SafeText>
            </span>
            {description && (
              <span className="mt-0.5 line-clamp-1 block text-[0.86rem] text-ink-3 group-open:line-clamp-none">
                <SafeText lines>{description}</SafeText>
              </span>
            )}
          </span>
          <span className="shrink-0 text-[0.8rem] text-ink-3">
            {parameters.length === 0
              ? "No parameters"
              : `${parameters.length} ${parameters.length === 1 ? "parameter" : "parameters"}`}
          </span>
        </summary>
        {parameters.length > 0 && (
          <dl className="mx-5 mb-4 ml-11.5 divide-y divide-line rounded-lg border border-line bg-sunken text-[0.86rem]">
            {parameters.map((parameter) => (
              <div key={parameter.name} className="flex flex-wrap items-baseline gap-x-3 gap-y-1 px-3.5 py-2">
                <dt className="font-mono text-[0.83rem] break-all">
                  <SafeText>{parameter.name}</SafeText>
                </dt>
                <dd className="flex min-w-0 flex-1 flex-wrap items-baseline gap-2 text-ink-3">
                  <span className="font-mono text-[0.79rem]">
                    <SafeText>{parameter.type}</SafeText>
                  </span>
                  {parameter.required && <Badge tone="outline">required</Badge>}
                  {parameter.description && (
                    <span className="min-w-0">
                      <SafeText>{parameter.description}</SafeText>
                    </span>
                  )}
                </dd>
              </div>
            ))}
          </dl>
        )}
      </details>
    </li>
  );
}

interface Parameter {
  name: string;
  type: string;
  description: string;
  required: boolean;
}

/** Reads a JSON Schema that came from somewhere else: nothing about its shape is taken for granted. */
export function parametersOf(tool: Tool): Parameter[] {
  const schema = asRecord(tool.schema);
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(asRecord(schema.properties)).map(([name, value]) => {
    const property = asRecord(value);
    const type = Array.isArray(property.type) ? property.type.join(" | ") : property.type;
    return {
      name,
      type: typeof type === "string" ? type : "any",
      description: typeof property.description === "string" ? property.description : "",
      required: required.includes(name),
    };
  });
}

function descriptionOf(tool: Tool): string {
  if (tool.description) return tool.description;
  const main = asRecord(tool.parsed_description).main;
  return typeof main === "string" ? main : "";
}

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
