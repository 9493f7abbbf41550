import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, isStatus } from "@/api/errors";
import { fetchPolicyText, type PolicyText, replacePolicy } from "@/api/policy";
import { policyTextQuery } from "@/api/queries";
import type { FieldError } from "@/api/types";
import { Page } from "@/components/layout/page";
import { SafeText } from "@/components/safe-text";
import { Button } from "@/components/ui/button";
import { Callout } from "@/components/ui/callout";
import { Card } from "@/components/ui/card";
import { Field } from "@/components/ui/field";
import { Textarea } from "@/components/ui/input";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { describe } from "@/features/servers/mutations";
import { sentence } from "@/lib/sentence";

/** The policy as the text of a scopes.yml. */
export function PolicyEditor({ onClose }: { onClose: () => void }) {
  const query = useQuery(policyTextQuery);
  return (
    <Page
      title="Edit policy"
      description="The format of scopes.yml: UI-Scopes, group_mappings, and a list of rules for each scope. It is in force as soon as it is saved."
    >
      {query.isPending ? (
        <Skeleton className="h-96 rounded-xl" />
      ) : query.isError ? (
        <Card>
          <ErrorState
            error={query.error}
            title="The policy could not be loaded"
            onRetry={() => query.refetch()}
          />
        </Card>
      ) : (
        <Editor loaded={query.data} onClose={onClose} />
      )}
    </Page>
  );
}

function Editor({ loaded, onClose }: { loaded: PolicyText; onClose: () => void }) {
  const [base, setBase] = useState(loaded);
  const [text, setText] = useState(loaded.text);
  const client = useQueryClient();
  const toast = useToast();

  const save = useMutation({
    mutationFn: () => replacePolicy({ text, etag: base.etag }),
    onSuccess: async ({ warnings, version }) => {
      await client.invalidateQueries({ queryKey: ["policy"] });
      await client.invalidateQueries({ queryKey: ["me"] });
      toast({ tone: "good", title: `Version ${version} of the policy is in force` });
      if (warnings.length === 0) onClose();
      else setBase(await fetchPolicyText());
    },
  });
  const reload = useMutation({
    mutationFn: (_: { keepMine: boolean }) => fetchPolicyText(),
    onSuccess: (fresh, { keepMine }) => {
      setBase(fresh);
      if (!keepMine) setText(fresh.text);
      save.reset();
    },
    onError: (error) =>
      toast({ tone: "bad", title: "The policy could not be reloaded", detail: describe(error) }),
  });

  const conflict = isStatus(save.error, 412);
  const mistakes = save.error instanceof ApiError ? save.error.fields : [];
  return (
    <div className="flex flex-col gap-4">
      {conflict && <Conflict busy={reload.isPending} onReload={(keepMine) => reload.mutate({ keepMine })} />}
      {save.isError && !conflict && (
        <Callout tone="bad" role="alert" title="The policy was not saved">
          {mistakes.length > 0 ? <Places places={mistakes} /> : describe(save.error)}
        </Callout>
      )}
      {save.isSuccess && save.data.warnings.length > 0 && (
        <Callout
          tone="warn"
          role="status"
          title="The policy is in force; these places are worth a look"
          actions={
            <Button size="sm" onClick={onClose}>
              Done
            </Button>
          }
        >
          <Places places={save.data.warnings} />
        </Callout>
      )}
      <Field label="Policy">
        {(control) => (
          <Textarea
            {...control}
            value={text}
            onChange={(event) => setText(event.target.value)}
            spellCheck={false}
            autoCapitalize="off"
            wrap="off"
            className="max-h-[65dvh] min-h-96 overflow-auto font-mono text-[0.82rem]"
          />
        )}
      </Field>
      <div className="flex flex-wrap gap-2">
        <Button
          variant="primary"
          busy={save.isPending}
          disabled={text === base.text || conflict}
          onClick={() => save.mutate()}
        >
          Save policy
        </Button>
        <Button variant="ghost" disabled={save.isPending} onClick={onClose}>
          Cancel
        </Button>
      </div>
    </div>
  );
}

interface ConflictProps {
  busy: boolean;
  onReload: (keepMine: boolean) => void;
}

const Conflict = ({ busy, onReload }: ConflictProps) => (
  <Callout
    tone="warn"
    role="alert"
    title="Somebody else changed the policy meanwhile"
    actions={
      <>
        <Button size="sm" busy={busy} onClick={() => onReload(false)}>
          Load theirs, discard my edits
        </Button>
        <Button size="sm" variant="ghost" disabled={busy} onClick={() => onReload(true)}>
          Keep my text, to replace theirs
        </Button>
      </>
    }
  >
    Yours was not saved, so that nothing gets lost.
  </Callout>
);

/** Where in the text, what stands there, and what must hold. */
const Places = ({ places }: { places: readonly FieldError[] }) => (
  <ul className="grid gap-1.5">
    {places.map((place) => (
      <li key={`${place.field} ${place.rule}`} className="break-words">
        <code className="font-mono text-[0.82rem]">
          <SafeText>{place.field || "/"}</SafeText>
        </code>{" "}
        <SafeText>{sentence(place.rule)}</SafeText>
        {typeof place.value === "string" && place.value !== "" && (
          <span className="text-ink-3">
            {" "}
            It is{" "}
            <q>
              <SafeText>{place.value}</SafeText>
            </q>
            .
          </span>
        )}
      </li>
    ))}
  </ul>
);
