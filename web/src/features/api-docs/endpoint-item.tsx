import { ChevronRight } from "lucide-react";
import { type ReactNode, useState } from "react";
import { type Endpoint, type Method, type OpenApi, typeLabel } from "@/api/openapi";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";
import { CopyButton } from "@/components/ui/copy-button";
import { cn } from "@/lib/cn";
import { Prose } from "./prose";
import { SchemaView } from "./schema-view";

const COLORS: Record<Method, string> = {
  get: "text-accent bg-accent-soft",
  post: "text-good bg-good-soft",
  put: "text-warn bg-warn-soft",
  patch: "text-warn bg-warn-soft",
  delete: "text-bad bg-bad-soft",
};

interface EndpointItemProps {
  endpoint: Endpoint;
  document: OpenApi;
}

export function EndpointItem({ endpoint, document }: EndpointItemProps) {
  const [open, setOpen] = useState(false);
  const { method, path, operation } = endpoint;
  return (
    <article id={endpoint.id} className="scroll-mt-20">
      <h3>
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen((now) => !now)}
          className="flex w-full items-center gap-3 px-4 py-2.5 text-left transition-colors hover:bg-sunken/70 focus-visible:-outline-offset-2 sm:px-5"
        >
          <span
            className={cn(
              "w-14 shrink-0 rounded-md py-0.5 text-center font-mono text-[0.72rem] font-semibold uppercase",
              COLORS[method],
            )}
          >
            {method}
          </span>
          <span className="flex min-w-0 flex-1 flex-col gap-x-4 sm:flex-row sm:items-baseline">
            <code className="min-w-0 font-mono text-[0.85rem] font-medium break-all">
              <SafeText>{path}</SafeText>
            </code>
            <span className="truncate text-[0.86rem] text-ink-3">
              <Prose>{operation.summary ?? ""}</Prose>
            </span>
          </span>
          {operation.deprecated && <Badge tone="warn">Deprecated</Badge>}
          <ChevronRight
            className={cn("size-4 shrink-0 text-ink-3 transition-transform", open && "rotate-90")}
            aria-hidden
          />
        </button>
      </h3>
      {open && <Details endpoint={endpoint} document={document} />}
    </article>
  );
}

function Details({ endpoint, document }: EndpointItemProps) {
  const { path, operation, parameters } = endpoint;
  const bodies = Object.entries(operation.requestBody?.content ?? {});
  const responses = Object.entries(operation.responses ?? {});
  return (
    <div className="flex flex-col gap-6 border-t border-line bg-sunken/50 px-4 py-5 sm:px-5">
      <div className="flex flex-col gap-2">
        {operation.description && (
          <p className="max-w-3xl text-[0.9rem] leading-relaxed text-ink-2">
            <Prose>{operation.description}</Prose>
          </p>
        )}
        <div className="flex items-center gap-1 text-ink-3">
          <code className="truncate font-mono text-[0.82rem]">{window.location.origin + path}</code>
          <CopyButton text={window.location.origin + path} label="Copy address" />
        </div>
      </div>
      {parameters.length > 0 && (
        <Part title="Parameters">
          <dl className="divide-y divide-line rounded-lg border border-line bg-surface text-[0.87rem]">
            {parameters.map((parameter) => (
              <div
                key={`${parameter.in}.${parameter.name}`}
                className="grid gap-x-4 gap-y-0.5 px-3.5 py-2 sm:grid-cols-[15rem_minmax(0,1fr)]"
              >
                <dt className="flex min-w-0 flex-wrap items-baseline gap-x-2">
                  <span className="font-mono text-[0.83rem] break-all">{parameter.name}</span>
                  <span className="text-[0.79rem] text-ink-3">{parameter.in}</span>
                  {parameter.required && <span className="text-[0.79rem] text-bad">required</span>}
                </dt>
                <dd className="min-w-0 text-ink-2">
                  <span className="mr-2 font-mono text-[0.79rem] text-ink-3">
                    {typeLabel(parameter.schema)}
                    {parameter.schema?.enum && ` · ${parameter.schema.enum.map(String).join(", ")}`}
                  </span>
                  <Prose>{parameter.description ?? ""}</Prose>
                </dd>
              </div>
            ))}
          </dl>
        </Part>
      )}
      {bodies.map(([type, content]) => (
        <Part key={type} title="Request body" note={type}>
          {content.schema && <SchemaView schema={content.schema} document={document} />}
        </Part>
      ))}
      {responses.length > 0 && (
        <Part title="Responses">
          <ul className="flex flex-col gap-3">
            {responses.map(([status, response]) => {
              const [content] = Object.entries(response.content ?? {});
              return (
                <li key={status}>
                  <p className="flex items-baseline gap-3 text-[0.88rem]">
                    <Badge
                      tone={status.startsWith("2") ? "good" : status.startsWith("3") ? "neutral" : "bad"}
                    >
                      <span className="font-mono">{status}</span>
                    </Badge>
                    <span className="min-w-0 text-ink-2">
                      <Prose>{response.description ?? ""}</Prose>
                    </span>
                  </p>
                  {content?.[1].schema && status.startsWith("2") && (
                    <div className="mt-2">
                      <SchemaView schema={content[1].schema} document={document} answer />
                    </div>
                  )}
                </li>
              );
            })}
          </ul>
        </Part>
      )}
    </div>
  );
}

const Part = ({ title, note, children }: { title: string; note?: string; children: ReactNode }) => (
  <section>
    <h4 className="mb-2 flex items-baseline gap-2.5 text-[0.86rem] font-semibold">
      {title}
      {note && <span className="font-mono text-[0.79rem] font-normal text-ink-3">{note}</span>}
    </h4>
    {children}
  </section>
);
