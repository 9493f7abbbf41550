import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { ChevronLeft, Pencil, ServerOff, Trash2 } from "lucide-react";
import { useState } from "react";
import { useMay } from "@/api/queries";
import { trimSlashes } from "@/api/servers";
import type { ServerInfo } from "@/api/types";
import { Page } from "@/components/layout/page";
import { SafeText } from "@/components/safe-text";
import { Button } from "@/components/ui/button";
import { Callout } from "@/components/ui/callout";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { cn } from "@/lib/cn";
import { useFlashClass } from "./changes";
import { ConnectPanel } from "./connect-panel";
import { Definition } from "./definition";
import { DeleteDialog } from "./delete-dialog";
import { DetailSkeleton } from "./detail-skeleton";
import { EnabledSwitch } from "./enabled-switch";
import { Health } from "./health";
import { Tags } from "./server-row";
import { ToolsPanel } from "./tools-panel";
import { useServer } from "./use-servers";

export function DetailPage() {
  const { _splat = "" } = useParams({ from: "/app/servers/$" });
  const path = `/${trimSlashes(_splat)}`;
  const { query, server } = useServer(path);
  if (query.isPending) return <DetailSkeleton />;
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
  return server ? <Detail key={path} server={server} /> : <Missing path={path} />;
}

function Detail({ server }: { server: ServerInfo }) {
  const mayEdit = useMay("modify_service", server.path);
  const mayDelete = useMay("delete_service", server.path);
  const navigate = useNavigate();
  const [deleting, setDeleting] = useState(false);
  const flash = useFlashClass(server.path);

  return (
    <Page
      title={server.server_name}
      above={<BackToServers />}
      heading={<SafeText>{server.server_name}</SafeText>}
      description={server.description && <SafeText lines>{server.description}</SafeText>}
      actions={
        <>
          {mayEdit && (
            <Button asChild>
              <Link to="/edit/$" params={{ _splat: trimSlashes(server.path) }}>
                <Pencil /> Edit
              </Link>
            </Button>
          )}
          {mayDelete && (
            <Button variant="dangerGhost" onClick={() => setDeleting(true)}>
              <Trash2 /> Delete
            </Button>
          )}
        </>
      }
    >
      <div className={cn("-mt-2 mb-6 flex flex-wrap items-center gap-x-5 gap-y-3 rounded-lg", flash)}>
        <span className="inline-flex items-center gap-2.5 text-[0.88rem] text-ink-2">
          <EnabledSwitch server={server} />
          {server.enabled ? "Enabled" : "Disabled"}
        </span>
        <Health server={server} />
        <Tags tags={server.tags} limit={12} />
      </div>
      <div className="flex flex-col gap-5">
        {!server.enabled && (
          <Callout title="This server is switched off">
            Clients that call it get 404 until it is enabled.
          </Callout>
        )}
        {server.public && (
          <Callout tone="warn" title="Anybody can call this server">
            No token is asked for. Whoever reaches the gateway may use all of its tools.
          </Callout>
        )}
        <div className="grid items-start gap-5 xl:grid-cols-[minmax(0,1fr)_22rem]">
          <div className="flex min-w-0 flex-col gap-5">
            <ConnectPanel server={server} />
            <ToolsPanel server={server} />
          </div>
          <Definition server={server} />
        </div>
      </div>
      {deleting && (
        <DeleteDialog
          server={server}
          onClose={() => setDeleting(false)}
          onDeleted={() => void navigate({ to: "/", replace: true })}
        />
      )}
    </Page>
  );
}

export const BackToServers = () => (
  <Link
    to="/"
    className="inline-flex items-center gap-1 rounded px-1 py-0.5 text-[0.87rem] text-ink-3 transition-colors hover:text-ink"
  >
    <ChevronLeft className="size-3.5" aria-hidden /> Servers
  </Link>
);

export function Missing({ path }: { path: string }) {
  return (
    <div className="grid min-h-[70dvh] place-items-center">
      <EmptyState
        icon={<ServerOff />}
        title="There is no such server"
        actions={
          <Button asChild>
            <Link to="/">Go to servers</Link>
          </Button>
        }
      >
        <p>
          Nothing is registered at{" "}
          <code className="font-mono break-all text-ink-2">
            <SafeText>{path}</SafeText>
          </code>
          . It may have been deleted.
        </p>
      </EmptyState>
    </div>
  );
}
