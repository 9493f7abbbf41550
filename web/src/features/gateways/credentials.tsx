import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { removeGateway } from "@/api/gateways";
import type { GatewayCredential } from "@/api/types";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { ConfirmDialog } from "@/components/ui/dialog";
import { useToast } from "@/components/ui/toast";
import { describe } from "@/features/servers/mutations";
import { plainText } from "@/lib/safe-text";
import { absoluteTime, relativeTime } from "@/lib/time";
import { Code, Row, Section } from "./section";

/** With what other people's gateways ask for verdicts. */
export function Credentials({ credentials }: { credentials: GatewayCredential[] }) {
  const [removing, setRemoving] = useState<GatewayCredential | null>(null);
  return (
    <>
      <Section
        title="Credentials"
        description="With these, gateways of other people ask /auth/validate whether a request may pass."
        items={credentials}
        empty={
          <>
            There is none: add one for each NGINX, HAProxy, Envoy, Caddy or other gateway of your own, here or
            with <Code>mcp gateways add NAME</Code>.
          </>
        }
      >
        {(credential) => (
          <Row
            key={credential.name}
            name={<SafeText>{credential.name}</SafeText>}
            badges={credential.sends_body && <Badge tone="accent">Sends bodies</Badge>}
            action={
              <Button
                variant="dangerGhost"
                size="sm"
                aria-label={`Remove ${plainText(credential.name)}`}
                onClick={() => setRemoving(credential)}
              >
                Remove
              </Button>
            }
          >
            <code className="min-w-0 font-mono break-all">
              <SafeText>{credential.id}</SafeText>
            </code>
            <span title={absoluteTime(credential.created_at)}>
              Created {relativeTime(credential.created_at)} by <SafeText>{credential.created_by}</SafeText>
            </span>
          </Row>
        )}
      </Section>
      {removing && <RemoveDialog credential={removing} onClose={() => setRemoving(null)} />}
    </>
  );
}

interface RemoveDialogProps {
  credential: GatewayCredential;
  onClose: () => void;
}

function RemoveDialog({ credential, onClose }: RemoveDialogProps) {
  const client = useQueryClient();
  const toast = useToast();
  const name = plainText(credential.name);
  const remove = useMutation({
    mutationFn: () => removeGateway(credential.name),
    onSuccess: () => toast({ tone: "good", title: `${name} was removed` }),
    onError: (error) =>
      toast({ tone: "bad", title: `${name} could not be removed`, detail: describe(error) }),
    onSettled: async () => {
      await client.invalidateQueries({ queryKey: ["gateways"] });
      onClose();
    },
  });
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && !remove.isPending && onClose()}
      title={`Remove ${name}?`}
      confirmLabel="Remove credential"
      busy={remove.isPending}
      onConfirm={() => remove.mutate()}
    >
      <p>
        The registry refuses it at once, auth servers within a second: a gateway that still shows it gets no
        verdicts, and lets nobody through.
      </p>
      <p>To exchange it, add a second one and put that in first.</p>
    </ConfirmDialog>
  );
}
