import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError, isStatus } from "@/api/errors";
import { generateToken } from "@/api/tokens";
import type { TokenGenerated } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Callout } from "@/components/ui/callout";
import { CopyButton } from "@/components/ui/copy-button";
import { Dialog, DialogClose, DialogContent } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input, Select } from "@/components/ui/input";
import { describe } from "@/features/servers/mutations";
import { plainText } from "@/lib/safe-text";

const HOURS = [1, 4, 8, 12, 24];

interface GenerateDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** Asks what the token is for, then shows it the one time it can be shown. */
export function GenerateDialog({ open, onOpenChange }: GenerateDialogProps) {
  const [generated, setGenerated] = useState<TokenGenerated | null>(null);
  const change = (next: boolean) => {
    onOpenChange(next);
    if (!next) setGenerated(null);
  };
  return (
    <Dialog open={open} onOpenChange={change}>
      {generated ? (
        <DialogContent
          className="max-w-lg"
          title="Copy your token now"
          description="It is shown this once. The registry keeps no copy of it."
          // A click beside the dialog must not throw the only copy away.
          onInteractOutside={(event) => event.preventDefault()}
        >
          <Shown generated={generated} />
        </DialogContent>
      ) : (
        <DialogContent
          title="Generate token"
          description="It carries your own rights, for calls to servers and the API."
        >
          <Ask onGenerated={setGenerated} />
        </DialogContent>
      )}
    </Dialog>
  );
}

function Ask({ onGenerated }: { onGenerated: (generated: TokenGenerated) => void }) {
  const client = useQueryClient();
  const [description, setDescription] = useState("");
  const [hours, setHours] = useState(8);
  const generate = useMutation({
    mutationFn: () => generateToken({ description: description.trim(), expires_in_hours: hours }),
    onSuccess: (generated) => {
      void client.invalidateQueries({ queryKey: ["tokens"] });
      onGenerated(generated);
    },
  });
  const refused = (field: string) =>
    generate.error instanceof ApiError
      ? generate.error.fields.find((error) => error.field === field)?.rule
      : undefined;
  const fieldErrors = { description: refused("/description"), hours: refused("/expires_in_hours") };

  function submit(event: FormEvent) {
    event.preventDefault();
    if (!generate.isPending) generate.mutate();
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Field
        label="Description"
        hint="Where it is used, so that you know it again."
        error={fieldErrors.description}
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
      <Field label="Expires after" error={fieldErrors.hours}>
        {(control) => (
          <Select {...control} value={hours} onChange={(event) => setHours(Number(event.target.value))}>
            {HOURS.map((value) => (
              <option key={value} value={value}>
                {value === 1 ? "1 hour" : `${value} hours`}
              </option>
            ))}
          </Select>
        )}
      </Field>
      {generate.isError && !fieldErrors.description && !fieldErrors.hours && (
        <Callout tone="bad" role="alert">
          {isStatus(generate.error, 429)
            ? "You generated many tokens within the hour. Try again later."
            : describe(generate.error)}
        </Callout>
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

function Shown({ generated }: { generated: TokenGenerated }) {
  const token = generated.tokens.access_token;
  return (
    <>
      <div className="flex flex-col gap-2 rounded-lg border border-line bg-sunken p-3.5">
        <code
          data-slot="token"
          className="max-h-40 overflow-y-auto font-mono text-[0.82rem] leading-relaxed break-all"
        >
          {plainText(token)}
        </code>
        <div className="flex items-center justify-between gap-3 border-t border-line pt-2.5">
          <span className="text-[0.82rem] text-ink-3">Send it as “Authorization: Bearer …”</span>
          <CopyButton text={token} label="Copy token">
            Copy
          </CopyButton>
        </div>
      </div>
      <footer className="mt-1 flex justify-end">
        <DialogClose asChild>
          <Button variant="primary">Done</Button>
        </DialogClose>
      </footer>
    </>
  );
}
