import { ShieldCheck } from "lucide-react";
import type { PolicyDocument, ScopeDocument } from "@/api/types";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";
import { Card, CardHeader } from "@/components/ui/card";
import { Names } from "./names";

/** Every scope with what it allows. */
export function Scopes({ policy }: { policy: PolicyDocument }) {
  const scopes = Object.entries(policy.scopes).sort(([a], [b]) => a.localeCompare(b));
  return (
    <Card aria-label="Scopes">
      <CardHeader
        title="Scopes"
        description="What each allows. A token has the scopes of its maker, or fewer."
      />
      {scopes.length === 0 ? (
        <p className="border-t border-line px-5 py-4 text-[0.9rem] text-ink-3">
          There is none: only administrators may do anything.
        </p>
      ) : (
        <ul className="divide-y divide-line border-t border-line">
          {scopes.map(([name, scope]) => (
            <Scope key={name} name={name} scope={scope} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function Scope({ name, scope }: { name: string; scope: ScopeDocument }) {
  const rules = scope.servers ?? [];
  const permissions = Object.entries(scope.ui_permissions ?? {});
  return (
    <li className="px-5 py-4" data-scope={name}>
      <h3 className="flex flex-wrap items-center gap-2 text-[0.93rem] font-medium">
        <code className="font-mono text-[0.88rem] break-all">
          <SafeText>{name}</SafeText>
        </code>
        {scope.admin && (
          <Badge tone="accent">
            <ShieldCheck className="size-3" aria-hidden /> Administers the registry
          </Badge>
        )}
      </h3>
      {rules.length === 0 && permissions.length === 0 && !scope.admin && (
        <p className="mt-1.5 text-[0.87rem] text-ink-3">Allows nothing.</p>
      )}
      {rules.length > 0 && <Rules rules={rules} />}
      {permissions.length > 0 && (
        <dl className="mt-3 grid gap-x-4 gap-y-1.5 text-[0.86rem] sm:grid-cols-[13rem_minmax(0,1fr)]">
          {permissions.map(([permission, servers]) => (
            <div key={permission} className="contents">
              <dt className="text-ink-3">{permissionLabel(permission)}</dt>
              <dd className="mb-1.5 sm:mb-0">
                <Names names={servers} every="every server" />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </li>
  );
}

function Rules({ rules }: { rules: NonNullable<ScopeDocument["servers"]> }) {
  // Numbered as explanations name them.
  const numbered = rules.map((rule, index) => ({ ...rule, number: index + 1 }));
  return (
    <ol className="mt-3 grid gap-3 text-[0.86rem]">
      {numbered.map(({ number, servers, methods, tools }) => (
        <li key={number} className="flex gap-3 rounded-lg border border-line bg-sunken/50 px-3.5 py-2.5">
          <span className="text-[0.8rem] leading-6 text-ink-3 tabular-nums" title={`Rule ${number}`}>
            {number}
          </span>
          <dl className="grid min-w-0 flex-1 gap-x-4 gap-y-1.5 sm:grid-cols-[5rem_minmax(0,1fr)]">
            <dt className="text-ink-3">Servers</dt>
            <dd>
              <Names names={servers} every="every server" />
            </dd>
            <dt className="text-ink-3">Methods</dt>
            <dd>
              <Names names={methods} every="every method" />
            </dd>
            <dt className="text-ink-3">Tools</dt>
            <dd>
              <Names names={tools ?? []} every="every tool" />
            </dd>
          </dl>
        </li>
      ))}
    </ol>
  );
}

/** The names of policies in the words of the pages; others stay as they are. */
function permissionLabel(permission: string): string {
  return LABELS[permission] ?? permission;
}

const LABELS: Record<string, string> = {
  list_service: "See in the registry",
  register_service: "Register",
  modify_service: "Edit",
  toggle_service: "Enable and disable",
  delete_service: "Delete",
  health_check_service: "Check health",
};
