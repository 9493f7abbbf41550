import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { patchUser } from "@/api/users";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose, DialogContent } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { useToast } from "@/components/ui/toast";
import { Refusal, refusedField } from "./refusal";

interface PasswordDialogProps {
  username: string;
  onClose: () => void;
}

/** One's own password; the present one proves that it is not somebody else at an open page. */
export function PasswordDialog({ username, onClose }: PasswordDialogProps) {
  const toast = useToast();
  const [present, setPresent] = useState("");
  const [password, setPassword] = useState("");
  const change = useMutation({
    mutationFn: () => patchUser(username, { password, current_password: present }),
    onSuccess: () => {
      toast({ tone: "good", title: "Your password was changed", detail: "Other sessions of yours ended." });
      onClose();
    },
  });

  function submit(event: FormEvent) {
    event.preventDefault();
    if (!change.isPending) change.mutate();
  }

  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent title="Change password" description="Your other sessions end; tokens and keys stay.">
        <form onSubmit={submit} className="flex flex-col gap-4">
          <input type="hidden" autoComplete="username" value={username} readOnly />
          <Field label="Current password" error={refusedField(change.error, "/current_password")}>
            {(control) => (
              <Input
                {...control}
                autoFocus
                required
                type="password"
                autoComplete="current-password"
                value={present}
                onChange={(event) => setPresent(event.target.value)}
              />
            )}
          </Field>
          <NewPassword
            error={refusedField(change.error, "/password")}
            value={password}
            onChange={setPassword}
          />
          <Refusal error={change.error} fields={["/password", "/current_password"]} />
          <footer className="mt-1 flex flex-row-reverse gap-2">
            <Button type="submit" variant="primary" busy={change.isPending}>
              Change password
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

interface NewPasswordProps {
  label?: string;
  hint?: string;
  required?: boolean;
  error: string | undefined;
  value: string;
  onChange: (password: string) => void;
}

export function NewPassword({
  label = "New password",
  hint = "At least 12 characters; a few words are easy to remember.",
  required = true,
  error,
  value,
  onChange,
}: NewPasswordProps) {
  return (
    <Field label={label} hint={hint} error={error} optional={!required}>
      {(control) => (
        <Input
          {...control}
          type="password"
          autoComplete="new-password"
          required={required}
          minLength={12}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
