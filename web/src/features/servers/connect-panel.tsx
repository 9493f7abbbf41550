import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useConfig } from "@/api/queries";
import type { ServerInfo } from "@/api/types";
import { Card, CardHeader } from "@/components/ui/card";
import { CodeBlock } from "@/components/ui/code-block";
import { CopyButton } from "@/components/ui/copy-button";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/components/ui/tabs";
import { endpointOf } from "@/lib/endpoint";
import { type ClientId, snippets } from "@/lib/snippets";

const KEY = "mcp.client";

/** The endpoint, and how each kind of client is told about it. */
export function ConnectPanel({ server }: { server: ServerInfo }) {
  const config = useConfig();
  const endpoint = endpointOf(server, config, window.location.origin);
  const { path, public: open } = server;
  const { url, transport, guessed } = endpoint;
  const all = useMemo(
    () => snippets({ path, public: open, endpoint: { url, transport, guessed } }),
    [path, open, url, transport, guessed],
  );
  const [client, setClient] = useState(readClient);

  function choose(next: string) {
    setClient(next as ClientId);
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // Then it is not remembered.
    }
  }

  return (
    <Card id="connect" className="scroll-mt-20 overflow-hidden">
      <CardHeader
        title="Connect a client"
        description={
          server.public ? (
            "No token is needed: this server is public."
          ) : (
            <>
              Each client needs a token of its user.{" "}
              <Link
                to="/tokens"
                className="text-ink-2 underline decoration-line-strong underline-offset-3 hover:text-ink"
              >
                Generate one
              </Link>
              .
            </>
          )
        }
      />
      <div className="px-5 pb-4">
        <div className="flex items-center gap-2 rounded-lg border border-line bg-sunken py-1 pr-1 pl-3.5">
          <span className="hidden shrink-0 text-[0.82rem] text-ink-3 sm:inline">
            {transport === "sse" ? "SSE" : "Streamable HTTP"}
          </span>
          <code className="min-w-0 flex-1 truncate font-mono text-[0.84rem]" title={url}>
            {url}
          </code>
          <CopyButton text={url} label="Copy endpoint address">
            Copy
          </CopyButton>
        </div>
        {guessed && (
          <p className="mt-2 text-[0.82rem] leading-snug text-ink-3">
            This address assumes that the gateway answers where this page does. Set{" "}
            <code className="font-mono text-ink-2">GATEWAY_PUBLIC_URL</code> if clients reach it elsewhere.
          </p>
        )}
      </div>
      <Tabs value={client} onValueChange={choose}>
        <TabsList aria-label="Client">
          {all.map((snippet) => (
            <TabsTrigger key={snippet.id} value={snippet.id}>
              {snippet.label}
            </TabsTrigger>
          ))}
        </TabsList>
        {all.map((snippet) => (
          <TabsContent key={snippet.id} value={snippet.id} className="p-5 outline-none">
            <p className="mb-2 font-mono text-[0.8rem] text-ink-3">{snippet.place}</p>
            <CodeBlock code={snippet.code} label={`Copy configuration for ${snippet.label}`} />
          </TabsContent>
        ))}
      </Tabs>
    </Card>
  );
}

function readClient(): ClientId {
  try {
    const stored = localStorage.getItem(KEY);
    const known: ClientId[] = ["vscode", "cursor", "claude", "cline", "curl"];
    return known.find((id) => id === stored) ?? "vscode";
  } catch {
    return "vscode";
  }
}
