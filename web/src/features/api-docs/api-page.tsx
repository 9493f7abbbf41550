import { useQuery } from "@tanstack/react-query";
import { Braces, Search, SearchX } from "lucide-react";
import { useMemo, useState } from "react";
import { type Group, groupsOf, type OpenApi } from "@/api/openapi";
import { openapiQuery } from "@/api/queries";
import { Page } from "@/components/layout/page";
import { SafeText } from "@/components/safe-text";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Input } from "@/components/ui/input";
import { Skeleton } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { sentence } from "@/lib/sentence";
import { EndpointItem } from "./endpoint-item";
import { Prose } from "./prose";

/** The registry's own OpenAPI document, readable. Nothing is loaded from anywhere else. */
export function ApiPage() {
  const query = useQuery(openapiQuery);
  return (
    <Page
      title="API"
      description={
        query.data?.info.description ? (
          <Prose>{query.data.info.description}</Prose>
        ) : (
          "Everything this page does is done through this API."
        )
      }
      actions={
        <Button asChild>
          <a href="/api/openapi.json" target="_blank" rel="noreferrer">
            <Braces /> openapi.json
          </a>
        </Button>
      }
    >
      {query.isPending ? (
        <output aria-label="Loading" className="flex flex-col gap-3">
          <Skeleton className="h-9 w-72" />
          <Skeleton className="h-64 w-full rounded-xl" />
          <Skeleton className="h-40 w-full rounded-xl" />
        </output>
      ) : query.isError ? (
        <Card>
          <ErrorState
            error={query.error}
            title="The description of the API could not be loaded"
            onRetry={() => query.refetch()}
            retrying={query.isFetching}
          />
        </Card>
      ) : (
        <Reference document={query.data} />
      )}
    </Page>
  );
}

function Reference({ document }: { document: OpenApi }) {
  const [text, setText] = useState("");
  const groups = useMemo(() => matching(groupsOf(document), text), [document, text]);
  return (
    <div className="xl:grid xl:grid-cols-[minmax(0,1fr)_13rem] xl:gap-10">
      <div className="min-w-0">
        <div className="relative mb-5 max-w-80">
          <Search
            className="pointer-events-none absolute top-1/2 left-3 size-4 -translate-y-1/2 text-ink-3"
            aria-hidden
          />
          <Input
            type="search"
            aria-label="Search operations"
            placeholder="Search operations"
            className="pl-9"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
        {groups.length === 0 && (
          <Card>
            <EmptyState icon={<SearchX />} title="No operation matches">
              Try a part of a path, such as <code className="font-mono">servers</code>.
            </EmptyState>
          </Card>
        )}
        {groups.map((group) => (
          <section key={group.name} id={`tag-${group.name}`} className="mb-8 scroll-mt-20">
            <h2 className="text-[1.02rem] font-semibold capitalize">
              <SafeText>{group.name}</SafeText>
            </h2>
            {group.description && (
              <p className="mt-0.5 text-[0.88rem] text-ink-3">
                <Prose>{sentence(group.description)}</Prose>
              </p>
            )}
            <Card className="mt-3 divide-y divide-line overflow-hidden">
              {group.endpoints.map((endpoint) => (
                <EndpointItem key={endpoint.id} endpoint={endpoint} document={document} />
              ))}
            </Card>
          </section>
        ))}
      </div>
      <nav aria-label="On this page" className="sticky top-9 hidden self-start text-[0.86rem] xl:block">
        <p className="mb-2 font-medium text-ink-3">On this page</p>
        <ul className="flex flex-col border-l border-line">
          {groups.map((group) => (
            <li key={group.name}>
              <a
                href={`#tag-${group.name}`}
                className="-ml-px flex justify-between border-l border-transparent py-1 pr-1 pl-3.5 text-ink-2 capitalize hover:border-ink hover:text-ink"
              >
                <SafeText>{group.name}</SafeText>
                <span className="text-ink-3 tabular-nums">{group.endpoints.length}</span>
              </a>
            </li>
          ))}
        </ul>
      </nav>
    </div>
  );
}

function matching(groups: Group[], text: string): Group[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return groups
    .map((group) => ({
      ...group,
      endpoints: group.endpoints.filter(({ method, path, operation }) => {
        const content =
          `${method} ${path} ${operation.summary ?? ""} ${operation.description ?? ""}`.toLowerCase();
        return words.every((word) => content.includes(word));
      }),
    }))
    .filter((group) => group.endpoints.length > 0);
}
