import type { ServerInfo } from "@/api/types";
import { Switch } from "@/components/ui/switch";
import { plainText } from "@/lib/safe-text";
import { useToggleServer } from "./mutations";

interface EnabledSwitchProps {
  server: ServerInfo;
  canModify: boolean;
  className?: string;
}

export function EnabledSwitch({ server, canModify, className }: EnabledSwitchProps) {
  const toggle = useToggleServer(server.path);
  return (
    <Switch
      checked={server.enabled}
      disabled={!canModify}
      aria-label={`${plainText(server.server_name)} enabled`}
      onCheckedChange={(enabled) => toggle.mutate({ path: server.path, name: server.server_name, enabled })}
      {...(className ? { className } : {})}
    />
  );
}
