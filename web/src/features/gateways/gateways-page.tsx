import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { gatewaysQuery, useMe } from "@/api/queries";
import { Page } from "@/components/layout/page";
import { Button } from "@/components/ui/button";
import { Callout } from "@/components/ui/callout";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/ui/states";
import { describe } from "@/features/servers/mutations";
import { AddDialog } from "./add-dialog";
import { Credentials } from "./credentials";
import { IdentityKeys } from "./identity-keys";
import { Reports } from "./reports";

/** The gateways of this registry, credentials of other people's, and the keys with which gateways sign. */
export function GatewaysPage() {
  const admin = useMe()?.is_admin ?? false;
  const [adding, setAdding] = useState(false);
  if (!admin)
    return (
      <Page title="Gateways">
        <Callout title="Only administrators see gateways">Ask one of them for what you need.</Callout>
      </Page>
    );
  return (
    <Page
      title="Gateways"
      description="What follows this registry, who else may ask it for verdicts, and the keys by which servers know their callers."
      actions={
        <Button variant="primary" onClick={() => setAdding(true)}>
          <Plus /> Add credential
        </Button>
      }
    >
      <Lists />
      <AddDialog open={adding} onOpenChange={setAdding} />
    </Page>
  );
}

function Lists() {
  const query = useQuery(gatewaysQuery);
  if (query.isPending) return <Loading />;
  if (!query.data)
    return (
      <Card>
        <ErrorState
          error={query.error}
          title="Gateways could not be loaded"
          onRetry={() => query.refetch()}
          retrying={query.isFetching}
        />
      </Card>
    );
  const { gateways, credentials, identity_keys: keys } = query.data;
  // Time goes on where nothing else changes.
  const now = query.dataUpdatedAt;
  return (
    <div className="flex flex-col gap-5">
      {query.isError && (
        <Callout tone="warn" role="status" title="This may be out of date">
          {describe(query.error)}
        </Callout>
      )}
      <Reports gateways={gateways} now={now} />
      <Credentials credentials={credentials} />
      <IdentityKeys keys={keys} now={now} />
    </div>
  );
}

const Loading = () => (
  <output aria-label="Loading gateways" className="flex flex-col gap-5">
    {["h-36", "h-32", "h-40"].map((height) => (
      <Skeleton key={height} className={`${height} rounded-xl`} />
    ))}
  </output>
);
