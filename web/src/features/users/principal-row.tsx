import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Ban, CircleCheck, Ellipsis, Pencil, ShieldX, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { ConfirmDialog } from "@/components/ui/dialog";
import { Menu, MenuContent, MenuItem, MenuSeparator, MenuTrigger } from "@/components/ui/menu";
import { useToast } from "@/components/ui/toast";
import { describe } from "@/features/servers/mutations";
import { plainText } from "@/lib/safe-text";

interface PrincipalRowProps {
  name: string;
  /** What it has, as badges. */
  rights: string[];
  /** What is said where it has nothing. */
  without: string;
  note?: ReactNode;
  disabled: boolean;
  /** Absent: it cannot be changed here. */
  change?: {
    /** The list that holds it. */
    queryKey: string;
    /** What ends with it. */
    ends: string;
    edit: () => void;
    setDisabled: (disabled: boolean) => Promise<unknown>;
    remove: () => Promise<void>;
  };
  /** Asks whether all of its credentials shall end. Absent: they are ended one by one. */
  end?: (() => void) | undefined;
}

/** A user or a service account. */
export function PrincipalRow({ name, rights, without, note, disabled, change, end }: PrincipalRowProps) {
  return (
    <li className="flex items-center justify-between gap-4 px-5 py-3.5">
      <div className={disabled ? "min-w-0 opacity-65" : "min-w-0"}>
        <div className="flex min-w-0 flex-wrap items-center gap-2">
          <span className="min-w-0 truncate text-[0.93rem] font-medium">
            <SafeText>{name}</SafeText>
          </span>
          {disabled && <Badge tone="bad">Disabled</Badge>}
          {note}
        </div>
        <p className="mt-1 flex flex-wrap gap-1 text-[0.84rem] text-ink-3">
          {rights.length === 0
            ? without
            : rights.map((right) => (
                <Badge key={right} tone="outline">
                  <span className="truncate">
                    <SafeText>{right}</SafeText>
                  </span>
                </Badge>
              ))}
        </p>
      </div>
      {change ? (
        <Changes name={name} disabled={disabled} change={change} end={end} />
      ) : (
        end && (
          <Actions name={name}>
            <EndItem onSelect={end} />
          </Actions>
        )
      )}
    </li>
  );
}

function Actions({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button variant="ghost" size="iconSm" aria-label={`Actions for ${plainText(name)}`}>
          <Ellipsis />
        </Button>
      </MenuTrigger>
      <MenuContent align="end">{children}</MenuContent>
    </Menu>
  );
}

const EndItem = ({ onSelect }: { onSelect: () => void }) => (
  <MenuItem danger onSelect={onSelect}>
    <ShieldX aria-hidden /> End all credentials
  </MenuItem>
);

interface ChangesProps {
  name: string;
  disabled: boolean;
  change: NonNullable<PrincipalRowProps["change"]>;
  end: PrincipalRowProps["end"];
}

function Changes({ name, disabled, change, end }: ChangesProps) {
  const [asking, setAsking] = useState<"disable" | "remove" | null>(null);
  const client = useQueryClient();
  const toast = useToast();
  const act = useMutation({
    mutationFn: async (what: "enable" | "disable" | "remove") => {
      if (what === "remove") await change.remove();
      else await change.setDisabled(what === "disable");
      return what;
    },
    onSuccess: (what) => toast({ tone: "good", title: `${plainText(name)} was ${what}d` }),
    onError: (error) => toast({ tone: "bad", title: "Nothing was changed", detail: describe(error) }),
    onSettled: async () => {
      await client.invalidateQueries({ queryKey: [change.queryKey] });
      setAsking(null);
    },
  });
  return (
    <>
      <Actions name={name}>
        <MenuItem onSelect={change.edit}>
          <Pencil aria-hidden /> Edit
        </MenuItem>
        {disabled ? (
          <MenuItem onSelect={() => act.mutate("enable")}>
            <CircleCheck aria-hidden /> Enable
          </MenuItem>
        ) : (
          <MenuItem onSelect={() => setAsking("disable")}>
            <Ban aria-hidden /> Disable
          </MenuItem>
        )}
        <MenuSeparator />
        {end && <EndItem onSelect={end} />}
        <MenuItem danger onSelect={() => setAsking("remove")}>
          <Trash2 aria-hidden /> Remove
        </MenuItem>
      </Actions>
      {asking && (
        <ConfirmDialog
          open
          onOpenChange={(open) => !open && !act.isPending && setAsking(null)}
          title={`${asking === "disable" ? "Disable" : "Remove"} ${plainText(name)}?`}
          confirmLabel={asking === "disable" ? "Disable" : "Remove"}
          busy={act.isPending}
          onConfirm={() => act.mutate(asking)}
        >
          <p>
            {change.ends} end within a second, at every gateway and for good.
            {asking === "disable" && " Enabling it again brings none of them back."}
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}
