import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { isStatus } from "@/api/errors";
import { useMay } from "@/api/queries";
import { createServer, trimSlashes } from "@/api/servers";
import { Page } from "@/components/layout/page";
import { Button } from "@/components/ui/button";
import { Callout } from "@/components/ui/callout";
import { useToast } from "@/components/ui/toast";
import { plainText } from "@/lib/safe-text";
import { BackToServers } from "../detail-page";
import { useLive } from "../live";
import { NotAllowed } from "./not-allowed";
import { ServerForm } from "./server-form";
import { definitionOf, emptyValues } from "./values";

export function AddPage() {
  const [values, setValues] = useState(emptyValues);
  const canAdd = useMay("register_service");
  const navigate = useNavigate();
  const live = useLive();
  const toast = useToast();
  const create = useMutation({
    mutationFn: () => createServer(definitionOf(values)),
    onSuccess: ({ server }) => {
      live.stored(server);
      toast({ tone: "good", title: `${plainText(server.server_name)} was added` });
      void navigate({ to: "/servers/$", params: { _splat: trimSlashes(server.path) } });
    },
  });
  if (!canAdd) return <NotAllowed />;
  const taken = isStatus(create.error, 409);

  return (
    <Page
      title="Add server"
      width="narrow"
      above={<BackToServers />}
      description="Clients can call it through the gateway as soon as it is saved."
    >
      <ServerForm
        creating
        values={values}
        onChange={setValues}
        onSubmit={() => create.mutate()}
        busy={create.isPending}
        error={create.error}
        submitLabel="Add server"
        notice={taken ? <Taken path={values.path} /> : undefined}
        cancel={
          <Button asChild variant="ghost">
            <Link to="/">Cancel</Link>
          </Button>
        }
      />
    </Page>
  );
}

const Taken = ({ path }: { path: string }) => (
  <Callout
    tone="bad"
    role="alert"
    title={`${plainText(path)} is taken`}
    actions={
      <Button asChild size="sm">
        <Link to="/servers/$" params={{ _splat: trimSlashes(path) }}>
          Open that server
        </Link>
      </Button>
    }
  >
    Another server is registered at this path. Choose another path, or change that server instead.
  </Callout>
);
