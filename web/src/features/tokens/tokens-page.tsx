import { useQuery } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { tokensQuery, useMe } from "@/api/queries";
import { Page } from "@/components/layout/page";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Segmented } from "@/components/ui/segmented";
import { Skeleton } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
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
      description="Clients and scripts show a token or an API key to call servers and the API. It can do what you can do or less, until it expires or is revoked."
      actions={
        <Button variant="primary" onClick={() => setGenerating(true)}>
          <Plus /> Generate token
        </Button>
      }
    >
      {admin && (
        <Segmented
          label="Whose tokens"
          className="mb-4 w-fit"
          value={everybody ? "all" : "mine"}
          options={WHOSE}
          onChange={(whose) => setEverybody(whose === "all")}
        />
      )}
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

const WHOSE = [
  { value: "mine", label: "Mine" },
  { value: "all", label: "Everybody’s" },
] as const;

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
