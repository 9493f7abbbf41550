import type { PolicyDocument } from "@/api/types";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";
import { Card, CardHeader } from "@/components/ui/card";
import { Tooltip } from "@/components/ui/tooltip";

/** The scopes of each group. */
export function Groups({ policy }: { policy: PolicyDocument }) {
  const groups = Object.entries(policy.group_mappings ?? {}).sort(([a], [b]) => a.localeCompare(b));
  return (
    <Card aria-label="Groups">
      <CardHeader
        title="Groups"
        description="Members have all scopes of their groups. The group anonymous is everybody who shows no credential."
      />
      {groups.length === 0 ? (
        <p className="border-t border-line px-5 py-4 text-[0.9rem] text-ink-3">No group has a scope.</p>
      ) : (
        <ul className="divide-y divide-line border-t border-line">
          {groups.map(([name, scopes]) => (
            <li
              key={name}
              className="grid gap-x-4 gap-y-2 px-5 py-3 text-[0.88rem] sm:grid-cols-[minmax(0,16rem)_minmax(0,1fr)]"
            >
              <span className="flex flex-wrap items-center gap-2 font-medium break-all">
                <SafeText>{name}</SafeText>
                {name === "anonymous" && <Badge tone="warn">Everybody</Badge>}
              </span>
              <span className="flex flex-wrap items-center gap-1">
                {scopes.length === 0 && <span className="text-ink-3">no scope</span>}
                {scopes.map((scope) => (
                  <Scope key={scope} name={scope} known={scope in policy.scopes} />
                ))}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Scope({ name, known }: { name: string; known: boolean }) {
  const badge = (
    <Badge tone={known ? "outline" : "bad"} className="font-mono text-[0.76rem] break-all">
      <SafeText>{name}</SafeText>
    </Badge>
  );
  return known ? badge : <Tooltip label="The policy has no such scope, so it gives nothing">{badge}</Tooltip>;
}
