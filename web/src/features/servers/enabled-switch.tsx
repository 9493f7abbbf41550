import { useMay } from "@/api/queries";
import type { ServerInfo } from "@/api/types";
import { Switch } from "@/components/ui/switch";
import { plainText } from "@/lib/safe-text";
import { useToggleServer } from "./mutations";

interface EnabledSwitchProps {
  server: ServerInfo;
  className?: string;
}

export function EnabledSwitch({ server, className }: EnabledSwitchProps) {
  const allowed = useMay("toggle_service", server.path);
  const toggle = useToggleServer(server.path);
  return (
    <Switch
      checked={server.enabled}
      disabled={!allowed}
      aria-label={`${plainText(server.server_name)} enabled`}
      onCheckedChange={(enabled) => toggle.mutate({ path: server.path, name: server.server_name, enabled })}
      {...(className ? { className } : {})}
    />
  );
}
