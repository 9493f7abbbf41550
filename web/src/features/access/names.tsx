import { useState } from "react";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";

const SHOWN = 12;

/** Names of servers, methods or tools; long lists are cut until somebody asks. */
export function Names({ names, every }: { names: readonly string[]; every: string }) {
  const [all, setAll] = useState(false);
  if (names.includes("*")) return <Badge tone="warn">{every}</Badge>;
  if (names.length === 0) return <span className="text-ink-3">none</span>;
  const shown = all ? names : names.slice(0, SHOWN);
  return (
    <span className="flex flex-wrap items-center gap-1">
      {shown.map((name) => (
        <Badge key={name} tone="outline" className="font-mono text-[0.76rem] break-all">
          <SafeText>{name}</SafeText>
        </Badge>
      ))}
      {names.length > shown.length && (
        <button
          type="button"
          className="rounded px-1 text-[0.8rem] text-ink-3 underline underline-offset-2 hover:text-ink"
          onClick={() => setAll(true)}
        >
          {names.length - shown.length} more
        </button>
      )}
    </span>
  );
}
