import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import type { UserInfo } from "@/api/types";
import { createUser, patchUser } from "@/api/users";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose, DialogContent } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { useToast } from "@/components/ui/toast";
import { TagInput } from "@/features/servers/form/tag-input";
import { plainText } from "@/lib/safe-text";
import { NewPassword } from "./password-dialog";
import { Refusal, refusedField } from "./refusal";

interface UserDialogProps {
  /** Absent: a new one. */
  user?: UserInfo;
  onClose: () => void;
}

/** Adds a user, or changes groups and password of one. */
export function UserDialog({ user, onClose }: UserDialogProps) {
  const client = useQueryClient();
  const toast = useToast();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [groups, setGroups] = useState(user?.groups ?? []);
  const save = useMutation({
    mutationFn: () =>
      user
        ? patchUser(user.username, { groups, ...(password ? { password } : {}) })
        : createUser({ username: username.trim(), password, groups }),
    onSuccess: async (saved) => {
      await client.invalidateQueries({ queryKey: ["users"] });
      toast({ tone: "good", title: `${plainText(saved.username)} was ${user ? "changed" : "added"}` });
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
        title={user ? `Edit ${plainText(user.username)}` : "Add user"}
        description={user ? undefined : "Somebody who signs in here with a password."}
      >
        <form onSubmit={submit} className="flex flex-col gap-4">
          {!user && (
            <Field label="User name" error={refused("/username")}>
              {(control) => (
                <Input
                  {...control}
                  autoFocus
                  required
                  maxLength={64}
                  autoComplete="off"
                  placeholder="ada"
                  value={username}
                  onChange={(event) => setUsername(event.target.value)}
                />
              )}
            </Field>
          )}
          <Field
            label="Groups"
            optional
            error={refused("/groups")}
            hint={
              user
                ? "Taking a group away ends the tokens made with it."
                : "What they may do. Members of mcp-registry-admin may do everything."
            }
          >
            {(control) => (
              <TagInput
                control={control}
                tags={groups}
                onChange={setGroups}
                placeholder="developers"
                noun="group"
              />
            )}
          </Field>
          <NewPassword
            label={user ? "New password" : "Password"}
            {...(user ? { hint: "Setting one ends their sessions, tokens and keys." } : {})}
            required={!user}
            error={refused("/password")}
            value={password}
            onChange={setPassword}
          />
          <Refusal error={save.error} fields={["/username", "/password", "/groups"]} />
          <footer className="mt-1 flex flex-row-reverse gap-2">
            <Button type="submit" variant="primary" busy={save.isPending}>
              {user ? "Save" : "Add user"}
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
