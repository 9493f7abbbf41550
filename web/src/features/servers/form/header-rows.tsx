import { Plus, Trash2 } from "lucide-react";
import { Button } from "@/components/ui/button";
import { FieldError } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import type { HeaderRow } from "./values";

interface HeaderRowsProps {
  rows: HeaderRow[];
  onChange: (rows: HeaderRow[]) => void;
  error: string | undefined;
}

/** Headers sent to the upstream. A stored value is never shown; leaving it empty keeps it. */
export function HeaderRows({ rows, onChange, error }: HeaderRowsProps) {
  const change = (key: number, next: Partial<HeaderRow>) =>
    onChange(rows.map((row) => (row.key === key ? { ...row, ...next } : row)));
  const add = () =>
    onChange([
      ...rows,
      { key: Math.max(-1, ...rows.map((row) => row.key)) + 1, name: "", value: "", stored: false },
    ]);

  return (
    <fieldset className="flex flex-col gap-2.5">
      <legend className="mb-1.5 flex items-baseline gap-2 text-[0.88rem] font-medium">
        Headers <span className="text-[0.8rem] font-normal text-ink-3">optional</span>
      </legend>
      {rows.map((row, index) => (
        <div key={row.key} className="flex items-start gap-2">
          <div className="grid min-w-0 flex-1 gap-2 sm:grid-cols-[2fr_3fr]">
            <Input
              aria-label={`Name of header ${index + 1}`}
              placeholder="Authorization"
              spellCheck={false}
              autoCapitalize="none"
              autoComplete="off"
              className="font-mono text-[0.85rem]"
              value={row.name}
              // A value belongs to its name: under another name nothing is stored.
              onChange={(event) => change(row.key, { name: event.target.value, stored: false })}
            />
            <Input
              aria-label={`Value of header ${index + 1}`}
              type="password"
              placeholder={row.stored ? "•••••• stored, type to replace" : "Value"}
              spellCheck={false}
              autoComplete="new-password"
              className="font-mono text-[0.85rem]"
              value={row.value}
              onChange={(event) => change(row.key, { value: event.target.value })}
            />
          </div>
          <Button
            variant="ghost"
            size="icon"
            aria-label={`Remove header ${index + 1}`}
            onClick={() => onChange(rows.filter((other) => other.key !== row.key))}
          >
            <Trash2 />
          </Button>
        </div>
      ))}
      <FieldError error={error} />
      <div>
        <Button size="sm" onClick={add}>
          <Plus /> Add header
        </Button>
      </div>
      <p className="text-[0.82rem] leading-snug text-ink-3">
        Sent with every proxied call and health check. Values are stored encrypted and never shown again.
      </p>
    </fieldset>
  );
}
