import { ExternalLink } from "lucide-react";
import type { ReactNode } from "react";
import type { ServerInfo } from "@/api/types";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";
import { Card, CardHeader } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import { safeHref } from "@/lib/safe-text";
import { absoluteTime, relativeTime } from "@/lib/time";

/** What the registry holds about a server, in words. */
export function Definition({ server }: { server: ServerInfo }) {
  const headers = server.headers.flatMap((entry) => Object.keys(entry));
  return (
    <Card className="min-w-0 overflow-hidden">
      <CardHeader title="Definition" />
      <dl className="divide-y divide-line border-t border-line">
        <Row label="Path">
          <Mono copy="Copy path">{server.path}</Mono>
        </Row>
        <Row label="Upstream">
          <Address value={server.proxy_pass_url} />
        </Row>
        {server.mcp_endpoint && (
          <Row label="MCP endpoint">
            <Address value={server.mcp_endpoint} />
          </Row>
        )}
        {server.sse_endpoint && (
          <Row label="SSE endpoint">
            <Address value={server.sse_endpoint} />
          </Row>
        )}
        <Row label="Transports">
          <span className="flex flex-wrap gap-1">
            {server.supported_transports.map((transport) => (
              <Badge key={transport}>
                <SafeText>{transport}</SafeText>
              </Badge>
            ))}
          </span>
        </Row>
        <Row label="Access">
          {server.public ? "Public, no token asked for" : "Callers need a valid token"}
        </Row>
        {headers.length > 0 && (
          <Row label="Headers">
            <ul className="space-y-1">
              {headers.map((name) => (
                <li key={name} className="font-mono text-[0.83rem] break-all">
                  <SafeText>{name}</SafeText> <span className="text-ink-3">•••••• hidden</span>
                </li>
              ))}
            </ul>
          </Row>
        )}
        <Row label="Forwarding">
          {server.passthrough ? "Every path below the prefix" : "MCP endpoints only"}
          {server.forward_authorization && ", with the caller’s Authorization header"}
        </Row>
        <Row label="Call limit">
          {server.timeout ? `${server.timeout} seconds` : "Default of the gateway"}
        </Row>
        {server.tls && (server.tls.insecure || server.tls.ca) && (
          <Row label="TLS">
            {server.tls.insecure ? (
              <Badge tone="bad">Certificate is not checked</Badge>
            ) : (
              "Certificate is checked against its own authority"
            )}
          </Row>
        )}
        {server.license && server.license !== "N/A" && (
          <Row label="License">
            <SafeText>{server.license}</SafeText>
          </Row>
        )}
        <Row label="Created">
          <When at={server.created_at} by={server.created_by} />
        </Row>
        <Row label="Changed">
          <When at={server.updated_at} by={server.updated_by} />
        </Row>
      </dl>
    </Card>
  );
}

const Row = ({ label, children }: { label: string; children: ReactNode }) => (
  <div className="grid gap-x-4 gap-y-0.5 px-5 py-2.5 text-[0.9rem] sm:grid-cols-[9.5rem_minmax(0,1fr)] sm:items-center xl:grid-cols-1">
    <dt className="text-[0.85rem] text-ink-3">{label}</dt>
    <dd className="min-w-0 break-words">{children}</dd>
  </div>
);

const Mono = ({ children, copy }: { children: string; copy: string }) => (
  <span className="flex min-w-0 items-center gap-1">
    <code className="min-w-0 truncate font-mono text-[0.84rem]" title={children}>
      <SafeText>{children}</SafeText>
    </code>
    <CopyButton text={children} label={copy} />
  </span>
);

function Address({ value }: { value: string | null | undefined }) {
  if (!value) return <span className="text-ink-3">None</span>;
  const href = safeHref(value);
  return (
    <span className="flex min-w-0 items-center gap-1">
      <code className="min-w-0 truncate font-mono text-[0.84rem]" title={value}>
        <SafeText>{value}</SafeText>
      </code>
      <CopyButton text={value} label="Copy address" />
      {href && (
        <a
          href={href}
          target="_blank"
          rel="noreferrer noopener"
          aria-label="Open address in a new tab"
          className="rounded p-1 text-ink-3 hover:text-ink"
        >
          <ExternalLink className="size-3.5" aria-hidden />
        </a>
      )}
    </span>
  );
}

const When = ({ at, by }: { at: string; by: string }) => (
  <span>
    <time dateTime={at} title={absoluteTime(at)}>
      {relativeTime(at)}
    </time>
    {by && (
      <span className="text-ink-3">
        {" "}
        by <SafeText>{by}</SafeText>
      </span>
    )}
  </span>
);
