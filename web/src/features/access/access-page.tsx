import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Lock, Pencil } from "lucide-react";
import { useState } from "react";
import { policyQuery, useMe } from "@/api/queries";
import type { PolicyDocument } from "@/api/types";
import { Page } from "@/components/layout/page";
import { SafeText } from "@/components/safe-text";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { absoluteTime, relativeTime } from "@/lib/time";
import { ExplainPanel } from "./explain-panel";
import { Groups } from "./groups";
import { PolicyEditor } from "./policy-editor";
import { Scopes } from "./scopes";

/** Who may do what: scopes, the groups that have them, and why somebody may or may not. */
export function AccessPage() {
  const admin = useMe()?.is_admin ?? false;
  const [editing, setEditing] = useState(false);
  const query = useQuery({ ...policyQuery, enabled: admin });
  if (!admin) return <NotAllowed />;
  if (editing) return <PolicyEditor onClose={() => setEditing(false)} />;
  return (
    <Page
      title="Access"
      description="Scopes say what may be done at which servers; groups of the identity provider have scopes. What no scope allows is refused."
      actions={
        <Button variant="primary" disabled={!query.data} onClick={() => setEditing(true)}>
          <Pencil /> Edit policy
        </Button>
      }
    >
      {query.isPending ? (
        <Loading />
      ) : query.isError ? (
        <Card>
          <ErrorState
            error={query.error}
            title="The policy could not be loaded"
            onRetry={() => query.refetch()}
            retrying={query.isFetching}
          />
        </Card>
      ) : (
        <div className="flex flex-col gap-5">
          <Origin policy={query.data} />
          <Scopes policy={query.data} />
          <Groups policy={query.data} />
          <ExplainPanel />
        </div>
      )}
    </Page>
  );
}

function Origin({ policy }: { policy: PolicyDocument }) {
  return (
    <p className="-mt-2 text-[0.86rem] text-ink-3">
      {policy.updated_at ? (
        <>
          Version {policy.version}, written{" "}
          <time dateTime={policy.updated_at} title={absoluteTime(policy.updated_at)}>
            {relativeTime(policy.updated_at)}
          </time>{" "}
          by <SafeText>{policy.updated_by ?? ""}</SafeText>
        </>
      ) : (
        "Nobody has written a policy yet: only administrators may do anything."
      )}
    </p>
  );
}

const Loading = () => (
  <output aria-label="Loading the policy" className="flex flex-col gap-5">
    {["h-44", "h-32"].map((height) => (
      <Skeleton key={height} className={`${height} rounded-xl`} />
    ))}
  </output>
);

const NotAllowed = () => (
  <div className="grid min-h-[70dvh] place-items-center">
    <EmptyState
      icon={<Lock />}
      title="Only administrators see the policy"
      actions={
        <Button asChild>
          <Link to="/">Go to servers</Link>
        </Button>
      }
    >
      What you may do yourself is decided by the scopes of your account. Ask an administrator for more.
    </EmptyState>
  </div>
);
