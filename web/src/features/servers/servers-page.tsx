import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Plus, SearchX, Server } from "lucide-react";
import { useEffect, useMemo } from "react";
import { useMay } from "@/api/queries";
import { Page } from "@/components/layout/page";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { filterServers } from "./filter";
import { Filters } from "./filters";
import { filterOf, type ListSearch } from "./list-search";
import { ServersSkeleton } from "./servers-skeleton";
import { ServersTable } from "./servers-table";
import { useServers } from "./use-servers";

export function ServersPage() {
  const { query, servers } = useServers();
  const search = useSearch({ from: "/app/" });
  const navigate = useNavigate({ from: "/" });
  const canAdd = useMay("register_service");
  const shown = useMemo(() => filterServers(servers, filterOf(search)), [servers, search]);
  const change = (next: Partial<ListSearch>) =>
    navigate({ search: (now) => ({ ...now, page: 1, ...next }), replace: true, resetScroll: false });
  useShortcut("n", () => canAdd && navigate({ to: "/new" }));

  return (
    <Page
      title="Servers"
      description="MCP servers that clients reach through this gateway."
      actions={
        canAdd &&
        servers.length > 0 && (
          <Button asChild variant="primary">
            <Link to="/new">
              <Plus /> Add server
            </Link>
          </Button>
        )
      }
    >
      {query.isPending ? (
        <ServersSkeleton />
      ) : query.isError ? (
        <Card>
          <ErrorState
            error={query.error}
            title="Servers could not be loaded"
            onRetry={() => query.refetch()}
            retrying={query.isFetching}
          />
        </Card>
      ) : servers.length === 0 ? (
        <NoServers canAdd={canAdd} />
      ) : (
        <>
          <Filters servers={servers} search={search} onChange={change} />
          {shown.length === 0 ? (
            <Card>
              <EmptyState
                icon={<SearchX />}
                title="No server matches"
                actions={
                  <Button onClick={() => navigate({ search: {}, replace: true })}>Clear filters</Button>
                }
              >
                None of the {servers.length} servers has everything you asked for.
              </EmptyState>
            </Card>
          ) : (
            <ServersTable servers={shown} search={search} onChange={change} />
          )}
        </>
      )}
    </Page>
  );
}

function NoServers({ canAdd }: { canAdd: boolean }) {
  return (
    <Card>
      <EmptyState
        icon={<Server />}
        title="No servers yet"
        actions={
          canAdd && (
            <>
              <Button asChild variant="primary">
                <Link to="/new">
                  <Plus /> Add your first server
                </Link>
              </Button>
              <Button asChild>
                <Link to="/api">Use the API</Link>
              </Button>
            </>
          )
        }
      >
        {canAdd
          ? "Register an MCP server by its address. It can be called through the gateway as soon as it is saved."
          : "Nobody has registered a server so far. Ask an administrator to add one."}
      </EmptyState>
    </Card>
  );
}

/** A single key, where nothing is being typed. */
function useShortcut(key: string, action: () => void) {
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      if (event.key !== key || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented)
        return;
      const target = event.target as HTMLElement | null;
      if (target?.closest("input, textarea, select, [contenteditable], [role=dialog], [role=menu]")) return;
      event.preventDefault();
      action();
    };
    document.addEventListener("keydown", listener);
    return () => document.removeEventListener("keydown", listener);
  });
}
