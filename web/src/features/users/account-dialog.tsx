import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import type { AccountInfo } from "@/api/types";
import { createAccount, patchAccount } from "@/api/users";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose, DialogContent } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { useToast } from "@/components/ui/toast";
import { TagInput } from "@/features/servers/form/tag-input";
import { plainText } from "@/lib/safe-text";
import { Refusal, refusedField } from "./refusal";

interface AccountDialogProps {
  /** Absent: a new one. */
  account?: AccountInfo;
  onClose: () => void;
}

/** Adds a service account, or changes what it may. */
export function AccountDialog({ account, onClose }: AccountDialogProps) {
  const client = useQueryClient();
  const toast = useToast();
  const [name, setName] = useState("");
  const [description, setDescription] = useState(account?.description ?? "");
  const [groups, setGroups] = useState(account?.groups ?? []);
  const [scopes, setScopes] = useState(account?.scopes ?? []);
  const save = useMutation({
    mutationFn: () => {
      const facts = { description: description.trim(), groups, scopes };
      return account ? patchAccount(account.name, facts) : createAccount({ name: name.trim(), ...facts });
    },
    onSuccess: async (saved) => {
      await client.invalidateQueries({ queryKey: ["service-accounts"] });
      toast({ tone: "good", title: `${plainText(saved.name)} was ${account ? "changed" : "added"}` });
      onClose();
    },
  });
  const refused = (field: string) => refusedField(save.error, field);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (!save.isPending) save.mutate();
  }

  return (
    <Dialog open onOpenChange={(open) => !open && !save.isPending && onClose()}>
      <DialogContent
        title={account ? `Edit ${plainText(account.name)}` : "Add service account"}
        description={account ? undefined : "A name with rights for a program that is nobody’s in particular."}
      >
        <form onSubmit={submit} className="flex flex-col gap-4">
          {!account && (
            <Field label="Name" error={refused("/name")}>
              {(control) => (
                <Input
                  {...control}
                  autoFocus
                  required
                  maxLength={64}
                  autoComplete="off"
                  placeholder="nightly-report"
                  value={name}
                  onChange={(event) => setName(event.target.value)}
                />
              )}
            </Field>
          )}
          <Field label="Description" optional error={refused("/description")}>
            {(control) => (
              <Input
                {...control}
                maxLength={500}
                autoComplete="off"
                value={description}
                onChange={(event) => setDescription(event.target.value)}
              />
            )}
          </Field>
          <Field label="Scopes" optional error={refused("/scopes")}>
            {(control) => (
              <TagInput
                control={control}
                tags={scopes}
                onChange={setScopes}
                placeholder="mcp-servers-restricted/read"
                noun="scope"
              />
            )}
          </Field>
          <Field
            label="Groups"
            optional
            error={refused("/groups")}
            hint={account ? "Keys with all its rights follow; tokens and others end." : undefined}
          >
            {(control) => (
              <TagInput
                control={control}
                tags={groups}
                onChange={setGroups}
                placeholder="automation"
                noun="group"
              />
            )}
          </Field>
          <Refusal error={save.error} fields={["/name", "/description", "/scopes", "/groups"]} />
          <footer className="mt-1 flex flex-row-reverse gap-2">
            <Button type="submit" variant="primary" busy={save.isPending}>
              {account ? "Save" : "Add service account"}
            </Button>
            <DialogClose asChild>
              <Button variant="ghost">Cancel</Button>
            </DialogClose>
          </footer>
        </form>
      </DialogContent>
    </Dialog>
  );
}
