import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { revokeToken } from "@/api/tokens";
import type { TokenInfo } from "@/api/types";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { ConfirmDialog } from "@/components/ui/dialog";
import { useToast } from "@/components/ui/toast";
import { describe } from "@/features/servers/mutations";
import { plainText } from "@/lib/safe-text";
import { absoluteTime, relativeTime } from "@/lib/time";

export type TokenState = "active" | "expired" | "revoked";

export function tokenState(token: TokenInfo, now = Date.now()): TokenState {
  if (token.revoked) return "revoked";
  return Date.parse(token.expires_at) <= now ? "expired" : "active";
}

export function TokenList({ tokens, showUser }: { tokens: TokenInfo[]; showUser: boolean }) {
  const [revoking, setRevoking] = useState<TokenInfo | null>(null);
  const sorted = [...tokens].sort(
    (a, b) =>
      Number(tokenState(a) !== "active") - Number(tokenState(b) !== "active") ||
      b.created_at.localeCompare(a.created_at),
  );
  return (
    <>
      <ul className="divide-y divide-line">
        {sorted.map((token) => (
          <TokenRow key={token.id} token={token} showUser={showUser} onRevoke={() => setRevoking(token)} />
        ))}
      </ul>
      {revoking && <RevokeDialog token={revoking} onClose={() => setRevoking(null)} />}
    </>
  );
}

interface TokenRowProps {
  token: TokenInfo;
  showUser: boolean;
  onRevoke: () => void;
}

function TokenRow({ token, showUser, onRevoke }: TokenRowProps) {
  const state = tokenState(token);
  return (
    <li className="flex items-center justify-between gap-4 px-5 py-3.5">
      <div className={state === "active" ? "min-w-0" : "min-w-0 opacity-65"}>
        <div className="flex min-w-0 items-center gap-2">
          <span className="truncate text-[0.93rem] font-medium">
            {token.description ? <SafeText>{token.description}</SafeText> : "Without description"}
          </span>
          {token.kind === "api_key" && <Badge tone="accent">API key</Badge>}
          <StateBadge state={state} />
        </div>
        <p className="mt-0.5 flex flex-wrap gap-x-2 text-[0.84rem] text-ink-3">
          {showUser && (
            <span className="text-ink-2">
              <SafeText>{token.username}</SafeText>
              {token.service_account && " (service account)"}
            </span>
          )}
          <span>{rightsOf(token)}</span>
          <span aria-hidden>·</span>
          <span title={absoluteTime(token.created_at)}>Created {relativeTime(token.created_at)}</span>
          <span aria-hidden>·</span>
          <span title={absoluteTime(token.expires_at)}>
            {state === "expired" ? "Expired" : "Expires"} {relativeTime(token.expires_at)}
          </span>
          {token.kind === "api_key" && (
            <>
              <span aria-hidden>·</span>
              <LastUse at={token.last_used_at} />
            </>
          )}
        </p>
      </div>
      {state === "active" && (
        <Button variant="dangerGhost" size="sm" onClick={onRevoke}>
          Revoke
        </Button>
      )}
    </li>
  );
}

/** Noted to the hour; what gateways do not tell is not seen. */
function LastUse({ at }: { at: string | null }) {
  if (!at) return <span>No use seen</span>;
  return <span title={absoluteTime(at)}>Used {relativeTime(at)}</span>;
}

function rightsOf(token: TokenInfo): string {
  if (token.all_rights) return "All rights";
  if (token.scopes.length === 0) return "No scopes";
  return plainText(token.scopes.join(", "));
}

function StateBadge({ state }: { state: TokenState }) {
  switch (state) {
    case "active":
      return <Badge tone="good">Active</Badge>;
    case "expired":
      return <Badge>Expired</Badge>;
    case "revoked":
      return <Badge tone="bad">Revoked</Badge>;
  }
}

function RevokeDialog({ token, onClose }: { token: TokenInfo; onClose: () => void }) {
  const client = useQueryClient();
  const toast = useToast();
  const revoke = useMutation({
    mutationFn: () => revokeToken(token.id),
    onSuccess: () => toast({ tone: "good", title: "The token was revoked" }),
    onError: (error) =>
      toast({ tone: "bad", title: "The token could not be revoked", detail: describe(error) }),
    onSettled: async () => {
      await client.invalidateQueries({ queryKey: ["tokens"] });
      onClose();
    },
  });
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && !revoke.isPending && onClose()}
      title={token.description ? `Revoke “${plainText(token.description)}”?` : "Revoke this token?"}
      confirmLabel="Revoke token"
      busy={revoke.isPending}
      onConfirm={() => revoke.mutate()}
    >
      <p>
        Whatever uses it is refused within a second. This cannot be undone; a new token can be generated at
        any time.
      </p>
    </ConfirmDialog>
  );
}
