import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { isStatus } from "@/api/errors";
import { serverQuery, useMay } from "@/api/queries";
import { fetchServer, patchServer, trimSlashes } from "@/api/servers";
import type { ServerInfo, VersionedServer } from "@/api/types";
import { Page } from "@/components/layout/page";
import { SafeText } from "@/components/safe-text";
import { Button } from "@/components/ui/button";
import { ErrorState } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { plainText } from "@/lib/safe-text";
import { BackToServers, Missing } from "../detail-page";
import { DetailSkeleton } from "../detail-skeleton";
import { useLive } from "../live";
import { describe } from "../mutations";
import { useServer } from "../use-servers";
import { ConflictNotice } from "./conflict-notice";
import { NotAllowed } from "./not-allowed";
import { ServerForm } from "./server-form";
import { patchOf, rebase, valuesOf } from "./values";

export function EditPage() {
  const { _splat = "" } = useParams({ from: "/app/edit/$" });
  const path = `/${trimSlashes(_splat)}`;
  const canModify = useMay("modify_service", path);
  const query = useQuery({ ...serverQuery(path), enabled: canModify });
  if (!canModify) return <NotAllowed />;
  if (query.isPending) return <DetailSkeleton />;
  if (isStatus(query.error, 404)) return <Missing path={path} />;
  if (query.isError) {
    return (
      <ErrorState
        error={query.error}
        title="The server could not be loaded"
        onRetry={() => query.refetch()}
        retrying={query.isFetching}
      />
    );
  }
  return <Editor key={path} path={path} loaded={query.data} />;
}

/** Edits a copy; the base is the version the copy was made from. */
function Editor({ path, loaded }: { path: string; loaded: VersionedServer }) {
  const [base, setBase] = useState(loaded);
  const [values, setValues] = useState(() => valuesOf(loaded.server));
  const current = useServer(path).server;
  const navigate = useNavigate();
  const client = useQueryClient();
  const live = useLive();
  const toast = useToast();
  const before = valuesOf(base.server);
  const patch = () => patchOf(before, values);
  const params = { _splat: trimSlashes(path) };

  const save = useMutation({
    mutationFn: () => patchServer(path, patch(), base.etag),
    onSuccess: ({ server }) => {
      live.stored(server);
      client.removeQueries({ queryKey: serverQuery(path).queryKey });
      toast({ tone: "good", title: `${plainText(server.server_name)} was saved` });
      void navigate({ to: "/servers/$", params });
    },
  });

  const reload = useMutation({
    mutationFn: (_: { keepMine: boolean }) => fetchServer(path),
    onSuccess: (fresh, { keepMine }) => {
      const theirs = valuesOf(fresh.server);
      setValues(keepMine ? rebase(before, values, theirs) : theirs);
      setBase(fresh);
      save.reset();
    },
    onError: (error) =>
      toast({ tone: "bad", title: "The server could not be reloaded", detail: describe(error) }),
  });

  function submit() {
    if (save.isPending) return;
    // Nothing to send; the page it leads to says the same.
    if (isUnchanged(before, values)) void navigate({ to: "/servers/$", params });
    else save.mutate();
  }

  const refused = isStatus(save.error, 412);
  const outdated = refused || (!save.isPending && isNewer(current, base.server));
  return (
    <Page
      title={`Edit ${base.server.server_name}`}
      width="narrow"
      above={<BackToServers />}
      heading={
        <>
          Edit <SafeText>{base.server.server_name}</SafeText>
        </>
      }
    >
      <ServerForm
        creating={false}
        values={values}
        onChange={setValues}
        onSubmit={submit}
        busy={save.isPending}
        error={refused ? null : save.error}
        submitLabel="Save changes"
        notice={
          outdated && !save.isSuccess ? (
            <ConflictNotice
              by={current?.updated_by}
              refused={refused}
              busy={reload.isPending}
              onReload={(keepMine) => reload.mutate({ keepMine })}
            />
          ) : undefined
        }
        cancel={
          <Button asChild variant="ghost">
            <Link to="/servers/$" params={params}>
              Cancel
            </Link>
          </Button>
        }
      />
    </Page>
  );
}

function isUnchanged(before: Parameters<typeof patchOf>[0], values: Parameters<typeof patchOf>[1]): boolean {
  return Object.keys(patchOf(before, values)).length === 0;
}

/** What the live list shows is not what was read. Two changes may fall into one tick of the clock, so the content decides. */
const isNewer = (current: ServerInfo | undefined, base: ServerInfo): boolean =>
  current !== undefined &&
  Date.parse(current.updated_at) >= Date.parse(base.updated_at) &&
  JSON.stringify(valuesOf(current)) !== JSON.stringify(valuesOf(base));
