import {
  createColumnHelper,
  createPaginatedRowModel,
  createSortedRowModel,
  rowPaginationFeature,
  rowSortingFeature,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { ArrowDown, ArrowUp, ChevronLeft, ChevronRight } from "lucide-react";
import { useMemo } from "react";
import type { HealthStatus, ServerInfo } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { cn } from "@/lib/cn";
import { healthOf } from "./health";
import type { ListSearch, SortColumn } from "./list-search";
import { ServerCard, ServerRow } from "./server-row";

const PAGE_SIZE = 50;

const features = tableFeatures({
  rowSortingFeature,
  rowPaginationFeature,
  sortedRowModel: createSortedRowModel(),
  paginatedRowModel: createPaginatedRowModel(),
});

/** Trouble first: that is what somebody who sorts by health looks for. */
const URGENCY: Record<HealthStatus, number> = { unhealthy: 0, unknown: 1, healthy: 2, disabled: 3 };

const column = createColumnHelper<typeof features, ServerInfo>();
const columns = column.columns([
  column.accessor((server) => server.server_name, {
    id: "name",
    sortFn: (a, b) => a.original.server_name.localeCompare(b.original.server_name),
  }),
  column.accessor((server) => URGENCY[healthOf(server)], { id: "health", sortFn: numeric }),
  column.accessor((server) => server.num_tools, { id: "tools", sortFn: numeric }),
  column.accessor((server) => Date.parse(server.updated_at) || 0, { id: "updated", sortFn: numeric }),
]);

interface Sortable {
  getValue: (id: string) => unknown;
}

function numeric(a: Sortable, b: Sortable, id: string): number {
  return Number(a.getValue(id)) - Number(b.getValue(id));
}

interface ServersTableProps {
  servers: ServerInfo[];
  search: ListSearch;
  onChange: (next: Partial<ListSearch>) => void;
}

/** A table where there is room for one, cards where there is not. */
export function ServersTable({ servers, search, onChange }: ServersTableProps) {
  const sort = search.sort ?? "name";
  const desc = search.desc ?? false;
  const lastPage = Math.max(1, Math.ceil(servers.length / PAGE_SIZE));
  const page = Math.min(search.page ?? 1, lastPage);
  const state = useMemo(
    () => ({ sorting: [{ id: sort, desc }], pagination: { pageIndex: page - 1, pageSize: PAGE_SIZE } }),
    [sort, desc, page],
  );
  const table = useTable({
    features,
    columns,
    data: servers,
    state,
    autoResetPageIndex: false,
    getRowId: (server) => server.path,
  });
  const rows = table.getRowModel().rows;
  const toggleSort = (id: SortColumn) =>
    onChange({ sort: id, desc: sort === id ? !desc : id === "updated" || id === "tools" });
  const head = (id: SortColumn, label: string, className?: string) => (
    <SortHead
      id={id}
      label={label}
      active={sort === id ? (desc ? "descending" : "ascending") : "none"}
      onSort={toggleSort}
      {...(className ? { className } : {})}
    />
  );

  return (
    <>
      <Card className="hidden overflow-hidden md:block">
        <table className="w-full table-fixed border-collapse text-left">
          <thead className="border-b border-line bg-sunken/60">
            <tr>
              {head("name", "Server", "pl-5")}
              <th scope="col" className="table-head w-[22%] px-3 py-2.5">
                Endpoint
              </th>
              {head("tools", "Tools", "hidden w-20 lg:table-cell")}
              {head("health", "Health", "w-34")}
              {head("updated", "Updated", "hidden w-34 xl:table-cell")}
              <th scope="col" className="table-head w-20 px-3 py-2.5">
                Enabled
              </th>
              <th scope="col" className="w-14">
                <span className="sr-only">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {rows.map((row) => (
              <ServerRow key={row.id} server={row.original} />
            ))}
          </tbody>
        </table>
      </Card>
      <ul className="flex flex-col gap-2.5 md:hidden">
        {rows.map((row) => (
          <ServerCard key={row.id} server={row.original} />
        ))}
      </ul>
      <footer className="mt-3 flex items-center justify-between px-1 text-[0.85rem] text-ink-3">
        <p role="status">
          {servers.length} {servers.length === 1 ? "server" : "servers"}
        </p>
        {lastPage > 1 && (
          <nav aria-label="Pages" className="flex items-center gap-1">
            <Button
              variant="ghost"
              size="iconSm"
              aria-label="Previous page"
              disabled={page === 1}
              onClick={() => onChange({ page: page - 1 })}
            >
              <ChevronLeft />
            </Button>
            <span className="px-1 tabular-nums">
              {page} of {lastPage}
            </span>
            <Button
              variant="ghost"
              size="iconSm"
              aria-label="Next page"
              disabled={page === lastPage}
              onClick={() => onChange({ page: page + 1 })}
            >
              <ChevronRight />
            </Button>
          </nav>
        )}
      </footer>
    </>
  );
}

interface SortHeadProps {
  id: SortColumn;
  label: string;
  active: "none" | "ascending" | "descending";
  onSort: (id: SortColumn) => void;
  className?: string;
}

function SortHead({ id, label, active, onSort, className }: SortHeadProps) {
  const Arrow = active === "descending" ? ArrowDown : ArrowUp;
  return (
    <th scope="col" aria-sort={active} className={cn("table-head px-3 py-2.5", className)}>
      <button
        type="button"
        onClick={() => onSort(id)}
        className={cn(
          "group inline-flex items-center gap-1 rounded hover:text-ink",
          active !== "none" && "text-ink-2",
        )}
      >
        {label}
        <Arrow
          aria-hidden
          className={cn("size-3 transition-opacity", active === "none" && "opacity-0 group-hover:opacity-60")}
        />
      </button>
    </th>
  );
}
