import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { isStatus } from "@/api/errors";
import { accountsQuery, useMe } from "@/api/queries";
import { generateToken } from "@/api/tokens";
import type { TokenGenerated } from "@/api/types";
import { SafeText } from "@/components/safe-text";
import { Button } from "@/components/ui/button";
import { Callout } from "@/components/ui/callout";
import { DialogClose } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input, Select } from "@/components/ui/input";
import { Segmented } from "@/components/ui/segmented";
import { Refusal, refusedField } from "@/features/users/refusal";
import { plainText } from "@/lib/safe-text";

type Kind = "token" | "api_key";
type Rights = "all" | "chosen";

const KINDS = [
  { value: "token", label: "Token" },
  { value: "api_key", label: "API key" },
] as const;

const ALL_OR_CHOSEN = [
  { value: "all", label: "All" },
  { value: "chosen", label: "Chosen scopes" },
] as const;

const DAY = 24;
/** Hours and their names; the first one is proposed. */
const LIVES: Record<Kind, [number, string][]> = {
  token: [
    [8, "8 hours"],
    [1, "1 hour"],
    [4, "4 hours"],
    [12, "12 hours"],
    [24, "24 hours"],
  ],
  api_key: [
    [90 * DAY, "90 days"],
    [7 * DAY, "7 days"],
    [30 * DAY, "30 days"],
    [366 * DAY, "a year"],
  ],
};

const FIELDS = ["/description", "/expires_in_hours", "/requested_scopes", "/service_account"];

/** Asks what the token is for, for whom, for how long and with which rights. */
export function GenerateForm({ onGenerated }: { onGenerated: (generated: TokenGenerated) => void }) {
  const client = useQueryClient();
  const me = useMe();
  const admin = me?.is_admin ?? false;
  const accounts = useQuery({ ...accountsQuery, enabled: admin }).data ?? [];
  const [kind, setKind] = useState<Kind>("token");
  const [owner, setOwner] = useState("");
  const [description, setDescription] = useState("");
  const [hours, setHours] = useState(8);
  const [rights, setRights] = useState<Rights>("all");
  const [chosen, setChosen] = useState<string[]>([]);
  const account = accounts.find((one) => one.name === owner);
  const scopes = account ? account.scopes : (me?.scopes ?? []);
  const generate = useMutation({
    mutationFn: () =>
      generateToken({
        kind,
        description: description.trim(),
        expires_in_hours: hours,
        ...(owner ? { service_account: owner } : {}),
        ...(rights === "chosen"
          ? { requested_scopes: chosen.filter((scope) => scopes.includes(scope)) }
          : {}),
      }),
    onSuccess: (generated) => {
      void client.invalidateQueries({ queryKey: ["tokens"] });
      onGenerated(generated);
    },
  });
  const refused = (field: string) => refusedField(generate.error, field);

  function choose(next: Kind) {
    setKind(next);
    setHours(LIVES[next][0]?.[0] ?? 8);
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    if (!generate.isPending) generate.mutate();
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <div className="flex flex-col gap-1.5">
        <Segmented label="Kind" className="w-fit" value={kind} options={KINDS} onChange={choose} />
        <p className="text-[0.82rem] leading-snug text-ink-3">
          {kind === "token"
            ? "For a session of work: signed, and over within a day."
            : "For programs that run for months. Secret scanners know it by its prefix, mcpk_."}
        </p>
      </div>
      <Field
        label="Description"
        hint="Where it is used, so that you know it again."
        error={refused("/description")}
      >
        {(control) => (
          <Input
            {...control}
            autoFocus
            maxLength={200}
            placeholder="Cursor on my laptop"
            autoComplete="off"
            value={description}
            onChange={(event) => setDescription(event.target.value)}
          />
        )}
      </Field>
      {accounts.length > 0 && (
        <Field label="For" error={refused("/service_account")}>
          {(control) => (
            <Select {...control} value={owner} onChange={(event) => setOwner(event.target.value)}>
              <option value="">Myself</option>
              {accounts
                .filter((one) => !one.disabled)
                .map((one) => (
                  <option key={one.name} value={one.name}>
                    {plainText(one.name)} (service account)
                  </option>
                ))}
            </Select>
          )}
        </Field>
      )}
      <Field label="Expires after" error={refused("/expires_in_hours")}>
        {(control) => (
          <Select {...control} value={hours} onChange={(event) => setHours(Number(event.target.value))}>
            {[...LIVES[kind]]
              .sort(([a], [b]) => a - b)
              .map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
          </Select>
        )}
      </Field>
      <div className="flex flex-col gap-1.5">
        <span className="text-[0.88rem] font-medium">Rights</span>
        <Segmented
          label="Rights"
          className="w-fit"
          value={rights}
          options={ALL_OR_CHOSEN}
          onChange={setRights}
        />
        {rights === "chosen" && <Scopes scopes={scopes} chosen={chosen} onChange={setChosen} />}
      </div>
      {isStatus(generate.error, 429) ? (
        <Callout tone="bad" role="alert">
          You generated many tokens within the hour. Try again later.
        </Callout>
      ) : (
        <Refusal error={generate.error} fields={FIELDS} />
      )}
      <footer className="mt-1 flex flex-row-reverse gap-2">
        <Button type="submit" variant="primary" busy={generate.isPending}>
          Generate
        </Button>
        <DialogClose asChild>
          <Button variant="ghost">Cancel</Button>
        </DialogClose>
      </footer>
    </form>
  );
}

interface ScopesProps {
  scopes: string[];
  chosen: string[];
  onChange: (chosen: string[]) => void;
}

function Scopes({ scopes, chosen, onChange }: ScopesProps) {
  const none = !scopes.some((scope) => chosen.includes(scope));
  return (
    <fieldset aria-label="Scopes" className="flex flex-col gap-1 rounded-lg border border-line bg-sunken p-3">
      {scopes.map((scope) => (
        <label key={scope} className="flex min-w-0 items-center gap-2.5 text-[0.88rem]">
          <input
            type="checkbox"
            className="size-4 shrink-0 accent-accent"
            checked={chosen.includes(scope)}
            onChange={(event) =>
              onChange(event.target.checked ? [...chosen, scope] : chosen.filter((other) => other !== scope))
            }
          />
          <span className="min-w-0 font-mono text-[0.82rem] break-all">
            <SafeText>{scope}</SafeText>
          </span>
        </label>
      ))}
      {none && (
        <p className="text-[0.82rem] leading-snug text-ink-3">
          Without a scope it says who is calling and allows nothing.
        </p>
      )}
    </fieldset>
  );
}
