import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { Bot, Plus, ShieldX, Users } from "lucide-react";
import { type ReactNode, useState } from "react";
import { accountsQuery, useMe, usersQuery } from "@/api/queries";
import type { AccountInfo, UserInfo } from "@/api/types";
import { patchAccount, patchUser, removeAccount, removeUser } from "@/api/users";
import { Page } from "@/components/layout/page";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Callout } from "@/components/ui/callout";
import { Card } from "@/components/ui/card";
import { Segmented } from "@/components/ui/segmented";
import { Skeleton } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { AccountDialog } from "./account-dialog";
import { EndByNameDialog, EndDialog } from "./end-dialog";
import { PrincipalRow } from "./principal-row";
import { UserDialog } from "./user-dialog";

type Kind = "people" | "programs";

/** Who may use this registry: people with a password, and programs. */
export function UsersPage() {
  const admin = useMe()?.is_admin ?? false;
  const [kind, setKind] = useState<Kind>("people");
  const [adding, setAdding] = useState(false);
  const [ending, setEnding] = useState(false);
  if (!admin)
    return (
      <Page title="Users">
        <Callout title="Only administrators manage users">Ask one of them for what you need.</Callout>
      </Page>
    );
  return (
    <Page
      title="Users"
      description="People who sign in here with a password, and service accounts for programs."
      actions={
        <>
          {kind === "people" && (
            <Button onClick={() => setEnding(true)}>
              <ShieldX /> End credentials
            </Button>
          )}
          <Button variant="primary" onClick={() => setAdding(true)}>
            <Plus /> {kind === "people" ? "Add user" : "Add service account"}
          </Button>
        </>
      }
    >
      <Segmented label="Which" className="mb-4 w-fit" value={kind} options={KINDS} onChange={setKind} />
      <Card className="overflow-hidden">{kind === "people" ? <People /> : <Programs />}</Card>
      {ending && <EndByNameDialog onClose={() => setEnding(false)} />}
      {adding && kind === "people" && <UserDialog onClose={() => setAdding(false)} />}
      {adding && kind === "programs" && <AccountDialog onClose={() => setAdding(false)} />}
    </Page>
  );
}

const KINDS = [
  { value: "people", label: "People" },
  { value: "programs", label: "Service accounts" },
] as const;

function People() {
  const query = useQuery(usersQuery);
  const [editing, setEditing] = useState<UserInfo | null>(null);
  const [ending, setEnding] = useState<UserInfo | null>(null);
  return (
    <List query={query} what="Users">
      {(users) => (
        <>
          {users.map((user) => (
            <PrincipalRow
              key={user.username}
              name={user.username}
              rights={user.groups}
              without="In no group"
              note={user.built_in ? <Badge>Set by ADMIN_USER</Badge> : undefined}
              disabled={user.disabled}
              end={() => setEnding(user)}
              {...(user.built_in
                ? {}
                : {
                    change: {
                      queryKey: "users",
                      ends: "Sessions, tokens and API keys",
                      edit: () => setEditing(user),
                      setDisabled: (disabled) => patchUser(user.username, { disabled }),
                      remove: () => removeUser(user.username),
                    },
                  })}
            />
          ))}
          {editing && <UserDialog user={editing} onClose={() => setEditing(null)} />}
          {ending && <EndDialog user={ending} onClose={() => setEnding(null)} />}
        </>
      )}
    </List>
  );
}

function Programs() {
  const query = useQuery(accountsQuery);
  const [editing, setEditing] = useState<AccountInfo | null>(null);
  return (
    <List
      query={query}
      what="Service accounts"
      empty={
        <EmptyState icon={<Bot />} title="No service accounts yet">
          Add one for each program, then make its API key under Access tokens.
        </EmptyState>
      }
    >
      {(accounts) => (
        <>
          {accounts.map((account) => (
            <PrincipalRow
              key={account.name}
              name={account.name}
              rights={[...account.scopes, ...account.groups]}
              without="No scopes and no groups"
              note={
                <span className="text-[0.84rem] text-ink-3">
                  <SafeText>{account.description}</SafeText>
                </span>
              }
              disabled={account.disabled}
              change={{
                queryKey: "service-accounts",
                ends: "Its tokens and API keys",
                edit: () => setEditing(account),
                setDisabled: (disabled) => patchAccount(account.name, { disabled }),
                remove: () => removeAccount(account.name),
              }}
            />
          ))}
          {editing && <AccountDialog account={editing} onClose={() => setEditing(null)} />}
        </>
      )}
    </List>
  );
}

interface ListProps<T> {
  query: UseQueryResult<T[]>;
  what: string;
  empty?: ReactNode;
  children: (items: T[]) => ReactNode;
}

function List<T>({ query, what, empty, children }: ListProps<T>) {
  if (query.isPending)
    return (
      <output aria-label={`Loading ${what.toLowerCase()}`} className="block divide-y divide-line">
        {["w-32", "w-44", "w-28"].map((width) => (
          <div key={width} className="space-y-2 px-5 py-4">
            <Skeleton className={`h-4 ${width}`} />
            <Skeleton className="h-3 w-44" />
          </div>
        ))}
      </output>
    );
  if (query.isError)
    return (
      <ErrorState
        error={query.error}
        title={`${what} could not be loaded`}
        onRetry={() => query.refetch()}
        retrying={query.isFetching}
      />
    );
  if (query.data.length === 0)
    return (
      empty ?? (
        <EmptyState icon={<Users />} title={`No ${what.toLowerCase()}`}>
          There is nobody here.
        </EmptyState>
      )
    );
  return <ul className="divide-y divide-line">{children(query.data)}</ul>;
}
