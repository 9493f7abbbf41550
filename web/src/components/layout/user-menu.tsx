import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ChevronsUpDown, KeySquare, LogOut, Monitor, Moon, Sun } from "lucide-react";
import { useState } from "react";
import { logout } from "@/api/auth";
import { meQuery, useMe } from "@/api/queries";
import {
  Menu,
  MenuContent,
  MenuItem,
  MenuLabel,
  MenuRadioGroup,
  MenuRadioItem,
  MenuSeparator,
  MenuTrigger,
} from "@/components/ui/menu";
import { useToast } from "@/components/ui/toast";
import { describe } from "@/features/servers/mutations";
import { PasswordDialog } from "@/features/users/password-dialog";
import { plainText } from "@/lib/safe-text";
import { chooseTheme, type ThemeChoice, useThemeChoice } from "@/lib/theme";

export function UserMenu() {
  const me = useMe();
  const [changing, setChanging] = useState(false);
  const theme = useThemeChoice();
  const client = useQueryClient();
  const toast = useToast();
  const signOut = useMutation({
    mutationFn: logout,
    onSuccess: (elsewhere) => {
      // The identity provider's own page says good-bye, and comes back to the login page.
      if (elsewhere && /^https?:/.test(elsewhere)) window.location.assign(elsewhere);
      // The layout takes it from here; what was loaded is dropped at the next login.
      else client.setQueryData(meQuery.queryKey, null);
    },
    onError: (error) => toast({ tone: "bad", title: "You could not be signed out", detail: describe(error) }),
  });
  const name = plainText(me?.username ?? "");

  return (
    <>
      <Menu>
        <MenuTrigger className="flex w-full items-center gap-2.5 rounded-lg px-2 py-1.5 text-left transition-colors hover:bg-hover data-[state=open]:bg-hover">
          <span
            aria-hidden
            className="grid size-7 shrink-0 place-items-center rounded-full bg-accent-soft text-[0.8rem] font-semibold text-accent uppercase"
          >
            {name.slice(0, 1)}
          </span>
          <span className="min-w-0 flex-1">
            <span className="block truncate text-[0.88rem] leading-tight font-medium">{name}</span>
            <span className="block truncate text-[0.77rem] leading-tight text-ink-3">
              {me?.is_admin ? "Administrator" : me?.can_modify_servers ? "Editor" : "Read only"}
            </span>
          </span>
          <ChevronsUpDown className="size-3.5 shrink-0 text-ink-3" aria-hidden />
        </MenuTrigger>
        <MenuContent align="start" side="top" className="w-56">
          <MenuLabel>Theme</MenuLabel>
          <MenuRadioGroup value={theme} onValueChange={(value) => chooseTheme(value as ThemeChoice)}>
            <MenuRadioItem value="system" onSelect={(event) => event.preventDefault()}>
              <Monitor aria-hidden /> System
            </MenuRadioItem>
            <MenuRadioItem value="light" onSelect={(event) => event.preventDefault()}>
              <Sun aria-hidden /> Light
            </MenuRadioItem>
            <MenuRadioItem value="dark" onSelect={(event) => event.preventDefault()}>
              <Moon aria-hidden /> Dark
            </MenuRadioItem>
          </MenuRadioGroup>
          <MenuSeparator />
          {me?.auth_method === "local" && (
            <MenuItem onSelect={() => setChanging(true)}>
              <KeySquare aria-hidden /> Change password
            </MenuItem>
          )}
          <MenuItem onSelect={() => signOut.mutate()}>
            <LogOut aria-hidden /> Sign out
          </MenuItem>
        </MenuContent>
      </Menu>
      {changing && me && <PasswordDialog username={me.username} onClose={() => setChanging(false)} />}
    </>
  );
}
