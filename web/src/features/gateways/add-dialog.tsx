import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { createGateway } from "@/api/gateways";
import type { GatewayMade } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose, DialogContent } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { ShownOnce } from "@/components/ui/shown-once";
import { SwitchField } from "@/features/servers/form/form-section";
import { Refusal, refusedField } from "@/features/users/refusal";

interface AddDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** Asks which gateway the credential is for, then shows it the one time it can be shown. */
export function AddDialog({ open, onOpenChange }: AddDialogProps) {
  const [made, setMade] = useState<GatewayMade | null>(null);
  const change = (next: boolean) => {
    onOpenChange(next);
    if (!next) setMade(null);
  };
  return (
    <Dialog open={open} onOpenChange={change}>
      {made ? (
        <ShownOnce
          title="Copy the credential now"
          secret={made.credential}
          use="Send it as “X-Gateway-Authorization: Bearer …”"
          copyLabel="Copy credential"
        />
      ) : (
        <DialogContent
          title="Add credential"
          description="For a gateway of your own that asks /auth/validate about each request."
        >
          <AddForm onMade={setMade} />
        </DialogContent>
      )}
    </Dialog>
  );
}

function AddForm({ onMade }: { onMade: (made: GatewayMade) => void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [sendsBody, setSendsBody] = useState(false);
  const add = useMutation({
    mutationFn: () => createGateway({ name: name.trim(), sends_body: sendsBody }),
    onSuccess: (made) => {
      void client.invalidateQueries({ queryKey: ["gateways"] });
      onMade(made);
    },
  });
  const refused = (field: string) => refusedField(add.error, field);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (!add.isPending) add.mutate();
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Field label="Name" error={refused("/name")} hint="Which gateway it is for, so that you know it again.">
        {(control) => (
          <Input
            {...control}
            autoFocus
            required
            maxLength={64}
            autoComplete="off"
            placeholder="nginx-1"
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
      <SwitchField
        label="Sends bodies"
        hint="Only for a gateway that sets X-Body itself on every request: of another one it comes from clients."
        checked={sendsBody}
        onChange={setSendsBody}
        error={refused("/sends_body")}
      />
      <Refusal error={add.error} fields={["/name", "/sends_body"]} />
      <footer className="mt-1 flex flex-row-reverse gap-2">
        <Button type="submit" variant="primary" busy={add.isPending}>
          Add credential
        </Button>
        <DialogClose asChild>
          <Button variant="ghost">Cancel</Button>
        </DialogClose>
      </footer>
    </form>
  );
}
