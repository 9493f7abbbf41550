import { Search, Tag, X } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import type { ServerInfo } from "@/api/types";
import { SafeText } from "@/components/safe-text";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import {
  Menu,
  MenuCheckboxItem,
  MenuContent,
  MenuItem,
  MenuSeparator,
  MenuTrigger,
} from "@/components/ui/menu";
import { Segmented } from "@/components/ui/segmented";
import { cn } from "@/lib/cn";
import { countByStatus, countTags, STATUSES, type StatusFilter } from "./filter";
import type { ListSearch } from "./list-search";

interface FiltersProps {
  servers: ServerInfo[];
  search: ListSearch;
  onChange: (next: Partial<ListSearch>) => void;
}

const LABELS: Record<StatusFilter, string> = {
  all: "All",
  enabled: "Enabled",
  disabled: "Disabled",
  unhealthy: "Unhealthy",
};

export function Filters({ servers, search, onChange }: FiltersProps) {
  return (
    <search className="mb-4 flex flex-col gap-2.5 md:flex-row md:flex-wrap md:items-center">
      <SearchBox value={search.q ?? ""} onChange={(q) => onChange({ q })} />
      <div className="flex min-w-0 items-center gap-2.5">
        <StatusTabs
          servers={servers}
          value={search.status ?? "all"}
          onChange={(status) => onChange({ status })}
        />
        <TagMenu servers={servers} chosen={search.tags ?? []} onChange={(tags) => onChange({ tags })} />
      </div>
    </search>
  );
}

function SearchBox({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(value);
  // The address may change without us: back, forward, "Clear filters".
  useEffect(() => setText(value), [value]);

  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey) return;
      if ((event.target as HTMLElement | null)?.closest("input, textarea, select, [role=dialog]")) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener("keydown", focus);
    return () => document.removeEventListener("keydown", focus);
  }, []);

  function change(next: string) {
    setText(next);
    onChange(next);
  }

  return (
    <div className="relative w-full md:max-w-80">
      <Search
        className="pointer-events-none absolute top-1/2 left-3 size-4 -translate-y-1/2 text-ink-3"
        aria-hidden
      />
      <Input
        ref={input}
        type="search"
        aria-label="Search servers"
        aria-keyshortcuts="/"
        placeholder="Search name, path, tag or tool"
        className="pr-9 pl-9 [&::-webkit-search-cancel-button]:hidden"
        value={text}
        onChange={(event) => change(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          if (text) change("");
          else input.current?.blur();
        }}
      />
      {text ? (
        <button
          type="button"
          aria-label="Clear search"
          onClick={() => {
            change("");
            input.current?.focus();
          }}
          className="absolute top-1/2 right-2 -translate-y-1/2 rounded p-1 text-ink-3 hover:text-ink"
        >
          <X className="size-4" />
        </button>
      ) : (
        <kbd className="pointer-events-none absolute top-1/2 right-2.5 hidden -translate-y-1/2 rounded border border-line px-1.5 font-mono text-[0.72rem] text-ink-3 md:block">
          /
        </kbd>
      )}
    </div>
  );
}

interface StatusTabsProps {
  servers: ServerInfo[];
  value: StatusFilter;
  onChange: (value: StatusFilter) => void;
}

function StatusTabs({ servers, value, onChange }: StatusTabsProps) {
  const counts = useMemo(() => countByStatus(servers), [servers]);
  return (
    <Segmented
      label="Status"
      value={value}
      onChange={onChange}
      options={STATUSES.map((status) => ({
        value: status,
        label: (
          <>
            {LABELS[status]}
            <span
              className={cn(
                "hidden text-[0.78rem] text-ink-3 tabular-nums sm:inline",
                status === "unhealthy" && counts.unhealthy > 0 && "text-bad",
              )}
            >
              {counts[status]}
            </span>
          </>
        ),
      }))}
    />
  );
}

interface TagMenuProps {
  servers: ServerInfo[];
  chosen: string[];
  onChange: (tags: string[]) => void;
}

function TagMenu({ servers, chosen, onChange }: TagMenuProps) {
  const tags = useMemo(() => countTags(servers), [servers]);
  if (tags.length === 0 && chosen.length === 0) return null;
  const toggle = (tag: string) =>
    onChange(chosen.includes(tag) ? chosen.filter((other) => other !== tag) : [...chosen, tag]);
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button
          className="px-2.5 sm:px-3.5"
          aria-label={chosen.length ? `Tags, ${chosen.length} chosen` : "Tags"}
        >
          <Tag />
          <span className="hidden sm:inline">Tags</span>
          {chosen.length > 0 && (
            <span className="rounded-full bg-accent-soft px-1.5 text-[0.75rem] leading-4.5 text-accent tabular-nums">
              {chosen.length}
            </span>
          )}
        </Button>
      </MenuTrigger>
      <MenuContent align="end" className="max-h-80 max-w-72">
        {tags.map(([tag, count]) => (
          <MenuCheckboxItem
            key={tag}
            checked={chosen.includes(tag)}
            onCheckedChange={() => toggle(tag)}
            onSelect={(event) => event.preventDefault()}
          >
            <span className="min-w-0 flex-1 truncate">
              <SafeText>{tag}</SafeText>
            </span>
            <span className="text-[0.8rem] text-ink-3 tabular-nums">{count}</span>
          </MenuCheckboxItem>
        ))}
        {chosen.length > 0 && (
          <>
            <MenuSeparator />
            <MenuItem onSelect={() => onChange([])}>Clear tags</MenuItem>
          </>
        )}
      </MenuContent>
    </Menu>
  );
}
