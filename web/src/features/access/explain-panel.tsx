import { useMutation } from "@tanstack/react-query";
import { Check, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { explain, type Question } from "@/api/policy";
import type { Explained } from "@/api/types";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Callout } from "@/components/ui/callout";
import { Card, CardHeader } from "@/components/ui/card";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { describe } from "@/features/servers/mutations";
import { sentence } from "@/lib/sentence";

const EMPTY: Question = { user: "", server: "", tool: "", groups: "" };

/** Why may somebody do something, or why not. */
export function ExplainPanel() {
  const [question, setQuestion] = useState(EMPTY);
  const ask = useMutation({ mutationFn: explain });
  const set = (name: keyof Question) => (event: { target: { value: string } }) =>
    setQuestion({ ...question, [name]: event.target.value });

  function submit(event: FormEvent) {
    event.preventDefault();
    ask.mutate(question);
  }

  return (
    <Card aria-label="Explain">
      <CardHeader title="Why may somebody, or why not?" description="Asks the policy that is in force." />
      <form
        onSubmit={submit}
        className="grid gap-4 border-t border-line px-5 py-4 sm:grid-cols-2 lg:grid-cols-4"
      >
        <Field label="User" hint="A local user, or anonymous">
          {(control) => (
            <Input {...control} value={question.user} onChange={set("user")} placeholder="yourself" />
          )}
        </Field>
        <Field label="Groups" optional hint="As their token names them">
          {(control) => <Input {...control} value={question.groups} onChange={set("groups")} />}
        </Field>
        <Field label="Server">
          {(control) => (
            <Input
              {...control}
              value={question.server}
              onChange={set("server")}
              placeholder="/currenttime"
              required
            />
          )}
        </Field>
        <Field label="Tool" optional>
          {(control) => <Input {...control} value={question.tool} onChange={set("tool")} />}
        </Field>
        <div className="sm:col-span-2 lg:col-span-4">
          <Button type="submit" busy={ask.isPending}>
            Explain
          </Button>
        </div>
      </form>
      <div aria-live="polite" className="px-5 pb-5 empty:hidden">
        {ask.isError && (
          <Callout tone="bad" title="There is no answer">
            {describe(ask.error)}
          </Callout>
        )}
        {ask.isSuccess && <Verdict told={ask.data} />}
      </div>
    </Card>
  );
}

function Verdict({ told }: { told: Explained }) {
  return (
    <div className="rounded-xl border border-line px-4 py-3.5 text-[0.9rem]">
      <p className="flex items-start gap-2.5">
        {told.allowed ? (
          <Badge tone="good" className="mt-0.5 shrink-0">
            <Check className="size-3" aria-hidden /> Allowed
          </Badge>
        ) : (
          <Badge tone="bad" className="mt-0.5 shrink-0">
            <X className="size-3" aria-hidden /> Refused
          </Badge>
        )}
        <span className="min-w-0 break-words">
          <SafeText>{sentence(told.summary)}</SafeText>
        </span>
      </p>
      {told.scopes.length > 0 && (
        <ul className="mt-3 grid gap-2 text-[0.86rem] text-ink-2">
          {told.scopes.map((scope) => (
            <li key={scope.name} className="min-w-0 break-words">
              <code className="font-mono text-[0.82rem]">
                <SafeText>{scope.name}</SafeText>
              </code>
              <span className="text-ink-3">
                {scope.groups.length > 0 && ` from ${scope.groups.join(", ")}`}
                {!scope.known && ", which the policy does not know"}
                {scope.known && scope.rules.length === 0 && " has no rule for this server"}
              </span>
              {scope.rules.map((rule) => (
                <div key={rule.number} className="mt-0.5 flex items-start gap-1.5 pl-3">
                  {rule.allows ? (
                    <Check className="mt-1 size-3.5 shrink-0 text-good" aria-label="allows" />
                  ) : (
                    <X className="mt-1 size-3.5 shrink-0 text-bad" aria-label="does not allow" />
                  )}
                  <span className="min-w-0">
                    Rule {rule.number} <SafeText>{rule.says}</SafeText>
                  </span>
                </div>
              ))}
            </li>
          ))}
        </ul>
      )}
      {told.remedies.length > 0 && (
        <p className="mt-3 border-t border-line pt-3 text-[0.86rem] text-ink-2">
          Would do:{" "}
          {told.remedies.map((remedy, index) => (
            <span key={remedy.scope}>
              {index > 0 && "; "}
              the scope <code className="font-mono text-[0.82rem]">{remedy.scope}</code>
              {remedy.groups.length > 0 && ` (groups ${remedy.groups.join(", ")})`}
            </span>
          ))}
        </p>
      )}
    </div>
  );
}
