import type { ReactNode } from "react";
import type { AuditLine } from "@/api/types";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";
import { CopyButton } from "@/components/ui/copy-button";
import { absoluteTime } from "@/lib/time";

const DECISIONS = {
  allow: { tone: "good", label: "Allowed" },
  deny: { tone: "bad", label: "Refused" },
  error: { tone: "warn", label: "Failed" },
} as const;

/** A change, a login, or the use of a server. */
export function Entry({ entry }: { entry: AuditLine }) {
  const decision = DECISIONS[entry.decision];
  return (
    <li className="px-5 py-3.5">
      <div className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-1">
        <time
          dateTime={entry.at}
          className="shrink-0 font-mono text-[0.78rem] whitespace-nowrap text-ink-3 tabular-nums"
        >
          {absoluteTime(entry.at)}
        </time>
        {entry.kind === "access" ? (
          <Badge tone={decision.tone}>{decision.label}</Badge>
        ) : (
          <Badge tone="accent">{entry.action?.startsWith("session.") ? "Login" : "Change"}</Badge>
        )}
        <span className="min-w-0 text-[0.93rem] font-medium break-words">
          {entry.user ? <SafeText>{entry.user}</SafeText> : <span className="text-ink-3">Nobody known</span>}
        </span>
        {entry.count !== undefined && entry.count !== null && <Badge>{entry.count} times</Badge>}
      </div>
      <p className="mt-1 flex min-w-0 flex-wrap items-baseline gap-x-2 gap-y-1 text-[0.88rem] text-ink-2">
        <What entry={entry} />
      </p>
      <details className="mt-1 text-[0.84rem] text-ink-3">
        <summary className="w-fit cursor-pointer rounded select-none hover:text-ink-2">Details</summary>
        <dl className="mt-2 grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">
          <Detail name="Request">
            {entry.request_id && (
              <span className="inline-flex max-w-full items-center gap-1">
                <code className="truncate font-mono">
                  <SafeText>{entry.request_id}</SafeText>
                </code>
                <CopyButton text={entry.request_id} label="Copy request id" />
              </span>
            )}
          </Detail>
          <Detail name="From">{entry.source && <SafeText>{entry.source}</SafeText>}</Detail>
          <Detail name="Credential">{entry.auth_method && <SafeText>{entry.auth_method}</SafeText>}</Detail>
          <Detail name="Gateway">{entry.gateway && <SafeText>{entry.gateway}</SafeText>}</Detail>
          <Detail name="Answer">{entry.status ? `${entry.status}, ${took(entry.duration_us)}` : null}</Detail>
          <Detail name="Before">{entry.before && <code className="font-mono">{entry.before}</code>}</Detail>
          <Detail name="After">{entry.after && <code className="font-mono">{entry.after}</code>}</Detail>
          <Detail name="Arguments">
            {entry.arguments !== undefined && entry.arguments !== null && (
              <code className="font-mono break-all">
                <SafeText>{JSON.stringify(entry.arguments)}</SafeText>
              </code>
            )}
          </Detail>
        </dl>
      </details>
    </li>
  );
}

function What({ entry }: { entry: AuditLine }) {
  if (entry.kind === "change")
    return (
      <>
        <code className="font-mono text-[0.84rem]">{entry.action}</code>
        {entry.subject && (
          <span className="min-w-0 break-words">
            <SafeText>{entry.subject}</SafeText>
          </span>
        )}
        {(entry.changed ?? []).map((field) => (
          <Badge key={field} tone="outline">
            <span className="truncate">
              <SafeText>{field}</SafeText>
            </span>
          </Badge>
        ))}
      </>
    );
  return (
    <>
      {entry.server && (
        <code className="min-w-0 font-mono text-[0.84rem] break-all">
          <SafeText>{entry.server}</SafeText>
        </code>
      )}
      {entry.method && <SafeText>{entry.method}</SafeText>}
      {entry.tool && (
        <span className="min-w-0 font-medium break-all">
          <SafeText>{entry.tool}</SafeText>
        </span>
      )}
      {entry.reason && <Badge tone="outline">{entry.reason}</Badge>}
    </>
  );
}

function Detail({ name, children }: { name: string; children: ReactNode }) {
  if (!children) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd className="min-w-0 break-words text-ink-2">{children}</dd>
    </>
  );
}

function took(microseconds: number | null | undefined): string {
  const value = microseconds ?? 0;
  return value < 10_000 ? `${value} µs` : `${Math.round(value / 1000)} ms`;
}
