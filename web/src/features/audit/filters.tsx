import { type FormEvent, useState } from "react";
import type { AuditSearch } from "@/api/audit";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Field } from "@/components/ui/field";
import { Input, Select } from "@/components/ui/input";
import { Segmented } from "@/components/ui/segmented";
import { auditSearch, localTime, moment } from "./search";

interface FiltersProps {
  search: AuditSearch;
  onSearch: (search: AuditSearch) => void;
}

/** What to look for; the page's address holds it, so that it can be passed on. */
export function Filters({ search, onSearch }: FiltersProps) {
  const [written, setWritten] = useState<Record<string, string>>({
    user: search.user ?? "",
    server: search.server ?? "",
    tool: search.tool ?? "",
    decision: search.decision ?? "",
    request_id: search.request_id ?? "",
    since: localTime(search.since),
    until: localTime(search.until),
  });
  const bind = (name: string) => ({
    value: written[name] ?? "",
    onChange: (event: { target: { value: string } }) =>
      setWritten({ ...written, [name]: event.target.value }),
  });

  function submit(event: FormEvent) {
    event.preventDefault();
    onSearch(
      auditSearch({
        ...written,
        kind: search.kind,
        since: moment(written.since ?? ""),
        until: moment(written.until ?? ""),
      }),
    );
  }

  const { kind: _, ...narrowed } = search;
  return (
    <Card aria-label="Filters" className="mb-4">
      <form onSubmit={submit} className="grid gap-4 px-5 py-4 sm:grid-cols-2 lg:grid-cols-4">
        <Field label="User">{(control) => <Input {...control} {...bind("user")} />}</Field>
        <Field label="Server">
          {(control) => <Input {...control} {...bind("server")} placeholder="/currenttime" />}
        </Field>
        <Field label="Tool">{(control) => <Input {...control} {...bind("tool")} />}</Field>
        <Field label="Decision">
          {(control) => (
            <Select {...control} {...bind("decision")}>
              <option value="">Any</option>
              <option value="allow">Allowed</option>
              <option value="deny">Refused</option>
              <option value="error">Failed</option>
            </Select>
          )}
        </Field>
        <Field label="Request id">
          {(control) => <Input {...control} {...bind("request_id")} placeholder="from an error" />}
        </Field>
        <Field label="From">
          {(control) => <Input {...control} {...bind("since")} type="datetime-local" />}
        </Field>
        <Field label="Before">
          {(control) => <Input {...control} {...bind("until")} type="datetime-local" />}
        </Field>
        <div className="flex items-end gap-2">
          <Button type="submit" variant="primary">
            Search
          </Button>
          {Object.keys(narrowed).length > 0 && (
            <Button variant="ghost" onClick={() => onSearch(search.kind ? { kind: search.kind } : {})}>
              Clear
            </Button>
          )}
        </div>
      </form>
      <div className="border-t border-line px-5 py-3">
        <Segmented
          label="Show"
          className="w-fit"
          value={search.kind ?? "all"}
          options={SHOWN}
          onChange={(kind) => onSearch(auditSearch({ ...search, kind }))}
        />
      </div>
    </Card>
  );
}

const SHOWN = [
  { value: "all", label: "All" },
  { value: "change", label: "Changes" },
  { value: "access", label: "Calls" },
] as const;
