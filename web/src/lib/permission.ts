import { trimSlashes } from "@/api/servers";
import type { Me } from "@/api/types";

export type Permission =
  | "list_service"
  | "register_service"
  | "modify_service"
  | "toggle_service"
  | "delete_service"
  | "health_check_service";

/** Whether the policy lets somebody do this with a server; without a path, with any at all. The registry has the last word. */
export function may(me: Me | null, permission: Permission, path?: string): boolean {
  if (!me) return false;
  if (me.is_admin) return true;
  const servers = me.ui_permissions[permission] ?? [];
  if (path === undefined) return servers.length > 0;
  return servers.includes("all") || servers.includes(trimSlashes(path));
}
