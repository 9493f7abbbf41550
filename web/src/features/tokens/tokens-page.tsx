import { useQuery } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { tokensQuery, useMe } from "@/api/queries";
import { Page } from "@/components/layout/page";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { cn } from "@/lib/cn";
import { GenerateDialog } from "./generate-dialog";
import { TokenList } from "./token-list";

export function TokensPage() {
  const admin = useMe()?.is_admin ?? false;
  const [everybody, setEverybody] = useState(false);
  const [generating, setGenerating] = useState(false);
  const query = useQuery(tokensQuery(everybody));

  return (
    <Page
      title="Access tokens"
      description="Clients and scripts show a token to call servers and the API. It can do what you can do, until it expires or is revoked."
      actions={
        <Button variant="primary" onClick={() => setGenerating(true)}>
          <Plus /> Generate token
        </Button>
      }
    >
      {admin && <Scope everybody={everybody} onChange={setEverybody} />}
      <Card className="overflow-hidden">
        {query.isPending ? (
          <Loading />
        ) : query.isError ? (
          <ErrorState
            error={query.error}
            title="Tokens could not be loaded"
            onRetry={() => query.refetch()}
            retrying={query.isFetching}
          />
        ) : query.data.length === 0 ? (
          <EmptyState
            icon={<KeyRound />}
            title="No tokens yet"
            actions={<Button onClick={() => setGenerating(true)}>Generate a token</Button>}
          >
            Generate one for each client, so that you can revoke them one by one.
          </EmptyState>
        ) : (
          <TokenList tokens={query.data} showUser={everybody} />
        )}
      </Card>
      <GenerateDialog open={generating} onOpenChange={setGenerating} />
    </Page>
  );
}

function Scope({ everybody, onChange }: { everybody: boolean; onChange: (everybody: boolean) => void }) {
  return (
    <fieldset
      aria-label="Whose tokens"
      className="mb-4 inline-flex h-9 items-center gap-0.5 rounded-lg border border-line bg-sunken p-0.5"
    >
      {[false, true].map((value) => (
        <button
          key={String(value)}
          type="button"
          aria-pressed={everybody === value}
          onClick={() => onChange(value)}
          className={cn(
            "h-full rounded-md px-3 text-[0.85rem] font-medium text-ink-3 transition-colors hover:text-ink",
            everybody === value && "bg-surface text-ink shadow-xs dark:bg-hover",
          )}
        >
          {value ? "Everybody’s" : "Mine"}
        </button>
      ))}
    </fieldset>
  );
}

const Loading = () => (
  <output aria-label="Loading tokens" className="block divide-y divide-line">
    {["w-40", "w-56", "w-32"].map((width) => (
      <div key={width} className="flex items-center justify-between px-5 py-4">
        <div className="space-y-2">
          <Skeleton className={`h-4 ${width}`} />
          <Skeleton className="h-3 w-44" />
        </div>
        <Skeleton className="h-8 w-20" />
      </div>
    ))}
  </output>
);
