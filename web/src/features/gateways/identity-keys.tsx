import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { forgetIdentityKey } from "@/api/gateways";
import type { GatewayKeyInfo } from "@/api/types";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { ConfirmDialog } from "@/components/ui/dialog";
import { useToast } from "@/components/ui/toast";
import { describe } from "@/features/servers/mutations";
import { plainText } from "@/lib/safe-text";
import { absoluteTime } from "@/lib/time";
import { seen } from "./report";
import { Code, Row, Section } from "./section";

interface IdentityKeysProps {
  keys: GatewayKeyInfo[];
  /** When the answer came. */
  now: number;
}

/** What servers check callers by: those in use first. */
export function IdentityKeys({ keys, now }: IdentityKeysProps) {
  const [forgetting, setForgetting] = useState<GatewayKeyInfo | null>(null);
  const sorted = [...keys].sort(
    (a, b) => Number(b.in_use) - Number(a.in_use) || b.last_seen.localeCompare(a.last_seen),
  );
  return (
    <>
      <Section
        title="Identity keys"
        description="Gateways sign X-MCP-Identity with them, and servers check it by /.well-known/jwks.json. A replaced key is forgotten after a day, or here."
        items={sorted}
        empty={
          <>
            There is none: each gateway makes its own when it starts with <Code>mcp --mode gateway</Code>, and
            it is here after the first report.
          </>
        }
      >
        {(key) => (
          <Row
            key={key.kid}
            name={
              <code className="font-mono text-[0.86rem] font-normal break-all">
                <SafeText>{key.kid}</SafeText>
              </code>
            }
            badges={key.in_use ? <Badge tone="good">In use</Badge> : <Badge>Replaced</Badge>}
            action={
              !key.in_use && (
                <Button
                  variant="dangerGhost"
                  size="sm"
                  aria-label={`Forget ${plainText(key.kid)}`}
                  onClick={() => setForgetting(key)}
                >
                  Forget
                </Button>
              )
            }
          >
            <span className="min-w-0 break-words text-ink-2">
              <SafeText>{key.gateway}</SafeText>
            </span>
            <span title={absoluteTime(key.last_seen)}>Seen {seen(key.last_seen, now)}</span>
          </Row>
        )}
      </Section>
      {forgetting && <ForgetDialog identityKey={forgetting} onClose={() => setForgetting(null)} />}
    </>
  );
}

interface ForgetDialogProps {
  identityKey: GatewayKeyInfo;
  onClose: () => void;
}

function ForgetDialog({ identityKey: { kid, gateway }, onClose }: ForgetDialogProps) {
  const client = useQueryClient();
  const toast = useToast();
  const forget = useMutation({
    mutationFn: () => forgetIdentityKey(kid),
    onSuccess: () => toast({ tone: "good", title: "The key was forgotten" }),
    onError: (error) =>
      toast({ tone: "bad", title: "The key could not be forgotten", detail: describe(error) }),
    onSettled: async () => {
      await client.invalidateQueries({ queryKey: ["gateways"] });
      onClose();
    },
  });
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && !forget.isPending && onClose()}
      title="Forget this key?"
      confirmLabel="Forget key"
      busy={forget.isPending}
      onConfirm={() => forget.mutate()}
    >
      <p>
        <code className="font-mono text-[0.85em] break-all text-ink">{plainText(kid)}</code> of{" "}
        <SafeText>{gateway}</SafeText> leaves the key set at every gateway within a second. Servers refuse
        what it has signed as soon as they fetch the set again.
      </p>
      <p>
        A gateway that was only stopped brings its key back when it starts: to be rid of it, remove{" "}
        <Code>identity-keys</Code> in that gateway’s data directory first.
      </p>
    </ConfirmDialog>
  );
}
