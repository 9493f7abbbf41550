import { type ServerFilter, STATUSES, type StatusFilter } from "./filter";

export const SORTS = ["name", "updated", "tools", "health"] as const;
export type SortColumn = (typeof SORTS)[number];

/** What the address of the list says; anything left out has its default, anything foreign is ignored. */
export interface ListSearch {
  q?: string;
  status?: StatusFilter;
  tags?: string[];
  sort?: SortColumn;
  desc?: boolean;
  page?: number;
}

export function listSearch(search: Record<string, unknown>): ListSearch {
  const result: ListSearch = {};
  // The router reads `?q=42` as a number.
  if (typeof search.q === "string" || typeof search.q === "number") result.q = String(search.q);
  const status = STATUSES.find((known) => known === search.status);
  if (status && status !== "all") result.status = status;
  if (Array.isArray(search.tags)) {
    const tags = search.tags.filter((tag) => typeof tag === "string");
    if (tags.length > 0) result.tags = tags;
  }
  const sort = SORTS.find((known) => known === search.sort);
  if (sort) result.sort = sort;
  if (search.desc === true) result.desc = true;
  if (typeof search.page === "number" && search.page > 1) result.page = Math.floor(search.page);
  return result;
}

export const filterOf = (search: ListSearch): ServerFilter => ({
  q: search.q ?? "",
  status: search.status ?? "all",
  tags: search.tags ?? [],
});
