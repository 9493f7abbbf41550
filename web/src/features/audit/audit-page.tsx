import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { RotateCw, ScrollText } from "lucide-react";
import { type AuditSearch, fetchAudit } from "@/api/audit";
import { useMe } from "@/api/queries";
import { Page } from "@/components/layout/page";
import { Button } from "@/components/ui/button";
import { Callout } from "@/components/ui/callout";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { Entry } from "./entry";
import { Filters } from "./filters";
import { auditSearch } from "./search";

/** Who changed what, and who used what. */
export function AuditPage() {
  const admin = useMe()?.is_admin ?? false;
  // The router hands on what it does not know, too.
  const search = auditSearch({ ...useSearch({ from: "/app/audit" }) });
  const navigate = useNavigate({ from: "/audit" });
  if (!admin)
    return (
      <Page title="Audit">
        <Callout title="Only administrators read the audit log">Ask one of them for what you need.</Callout>
      </Page>
    );
  return (
    <Page
      title="Audit"
      description="Who changed what, who used which server and tool, and why something was refused."
    >
      <Filters key={JSON.stringify(search)} search={search} onSearch={(next) => navigate({ search: next })} />
      <Entries search={search} />
    </Page>
  );
}

function Entries({ search }: { search: AuditSearch }) {
  const query = useInfiniteQuery({
    queryKey: ["audit", search],
    queryFn: ({ pageParam, signal }) => fetchAudit(search, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  });
  if (query.isPending)
    return (
      <Card>
        <output aria-label="Loading entries" className="block divide-y divide-line">
          {["w-56", "w-72", "w-64"].map((width) => (
            <div key={width} className="space-y-2 px-5 py-4">
              <Skeleton className={`h-4 ${width}`} />
              <Skeleton className="h-3 w-44" />
            </div>
          ))}
        </output>
      </Card>
    );
  if (query.isError)
    return (
      <Card>
        <ErrorState
          error={query.error}
          title="The audit log could not be loaded"
          onRetry={() => query.refetch()}
          retrying={query.isFetching}
        />
      </Card>
    );
  const entries = query.data.pages.flatMap((page) => page.entries);
  return (
    <>
      <Card className="overflow-hidden">
        {entries.length === 0 ? (
          <EmptyState icon={<ScrollText />} title="Nothing matches">
            Calls appear here within a second or two; refusals of callers without a valid token once a minute.
          </EmptyState>
        ) : (
          <ul aria-label="Entries" className="divide-y divide-line">
            {entries.map((entry, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: entries have no name, and are only ever added at the end
              <Entry key={index} entry={entry} />
            ))}
          </ul>
        )}
      </Card>
      <div className="mt-4 flex flex-wrap gap-2">
        {query.hasNextPage && (
          <Button onClick={() => query.fetchNextPage()} busy={query.isFetchingNextPage}>
            Show more
          </Button>
        )}
        <Button variant="ghost" onClick={() => query.refetch()} busy={query.isRefetching}>
          {!query.isRefetching && <RotateCw />} Look again
        </Button>
      </div>
    </>
  );
}
