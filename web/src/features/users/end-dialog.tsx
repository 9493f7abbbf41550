import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useMe } from "@/api/queries";
import type { UserEnded, UserInfo } from "@/api/types";
import { endCredentials } from "@/api/users";
import { Button } from "@/components/ui/button";
import { ConfirmDialog, Dialog, DialogClose, DialogContent } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input, Select } from "@/components/ui/input";
import { useToast } from "@/components/ui/toast";
import { describe } from "@/features/servers/mutations";
import { plainText } from "@/lib/safe-text";
import { Refusal } from "./refusal";

interface Wanted {
  username: string;
  provider?: string;
}

/** Ends them and says how many there were. */
function useEndCredentials(onEnded: () => void) {
  const client = useQueryClient();
  const toast = useToast();
  return useMutation({
    mutationFn: ({ username, provider }: Wanted) => endCredentials(username, provider),
    onSuccess: (ended, { username }) => {
      toast({
        tone: "good",
        title: `The credentials of ${plainText(username)} ended`,
        detail: counted(ended),
      });
      onEnded();
      // Who ends their own is signed out.
      void client.invalidateQueries({ queryKey: ["me"] });
      void client.invalidateQueries({ queryKey: ["tokens"] });
    },
  });
}

/** "2 sessions, 1 token or API key." */
export function counted({ sessions, tokens }: UserEnded): string {
  const number = (count: number, one: string, more: string) =>
    `${count.toLocaleString("en")} ${count === 1 ? one : more}`;
  return `${number(sessions, "session", "sessions")}, ${number(tokens, "token or API key", "tokens and API keys")}.`;
}

interface EndDialogProps {
  user: UserInfo;
  onClose: () => void;
}

/** For a user of the list. */
export function EndDialog({ user: { username, disabled, built_in }, onClose }: EndDialogProps) {
  const toast = useToast();
  const own = useMe()?.username === username;
  const end = useEndCredentials(onClose);
  const name = plainText(username);
  const confirm = () =>
    end.mutate(
      { username },
      {
        onError: (error) => {
          toast({ tone: "bad", title: "Nothing was ended", detail: describe(error) });
          onClose();
        },
      },
    );
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && !end.isPending && onClose()}
      title={`End all credentials of ${name}?`}
      confirmLabel="End all credentials"
      busy={end.isPending}
      onConfirm={confirm}
    >
      <p>
        All sessions, tokens and API keys of {name} end within a second, at every gateway and for good; those
        of a provider’s user of that name too, and what the provider has signed for them up to now.
      </p>
      {own ? (
        <p>This is you: your session here ends too.</p>
      ) : (
        !disabled && (
          <p>
            Who can still sign in may begin anew.
            {!built_in && " To keep them out, disable them instead."}
          </p>
        )
      )}
    </ConfirmDialog>
  );
}

const PROVIDERS = [
  ["", "Any"],
  ["local", "Local"],
  ["oidc", "OpenID Connect"],
  ["keycloak", "Keycloak"],
] as const;

/** For anybody by name: users of an identity provider are in no list here. */
export function EndByNameDialog({ onClose }: { onClose: () => void }) {
  const [username, setUsername] = useState("");
  const [provider, setProvider] = useState("");
  const end = useEndCredentials(onClose);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (!end.isPending) end.mutate({ username: username.trim(), ...(provider ? { provider } : {}) });
  }

  return (
    <Dialog open onOpenChange={(open) => !open && !end.isPending && onClose()}>
      <DialogContent
        title="End all credentials of a user"
        description="Sessions, tokens and API keys, and what a provider has signed for them up to now, end within a second, at every gateway and for good. Who can still sign in may begin anew, so disable them first."
      >
        <form onSubmit={submit} className="flex flex-col gap-4">
          <Field label="User name" hint="For a provider’s user, the sub of their tokens does as well.">
            {(control) => (
              <Input
                {...control}
                autoFocus
                required
                autoComplete="off"
                placeholder="grace.hopper@example.org"
                value={username}
                onChange={(event) => setUsername(event.target.value)}
              />
            )}
          </Field>
          <Field label="Provider" hint="Tells two of one name apart.">
            {(control) => (
              <Select {...control} value={provider} onChange={(event) => setProvider(event.target.value)}>
                {PROVIDERS.map(([value, label]) => (
                  <option key={value} value={value}>
                    {label}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Refusal error={end.error} fields={[]} />
          <footer className="mt-1 flex flex-row-reverse gap-2">
            <Button type="submit" variant="danger" busy={end.isPending}>
              End all credentials
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
