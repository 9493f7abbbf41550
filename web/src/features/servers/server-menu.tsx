import { Link } from "@tanstack/react-router";
import { Copy, Ellipsis, Pencil, Plug, Trash2 } from "lucide-react";
import { useState } from "react";
import { useConfig, useMay } from "@/api/queries";
import { trimSlashes } from "@/api/servers";
import type { ServerInfo } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Menu, MenuContent, MenuItem, MenuSeparator, MenuTrigger } from "@/components/ui/menu";
import { useToast } from "@/components/ui/toast";
import { copyText } from "@/lib/clipboard";
import { endpointOf } from "@/lib/endpoint";
import { plainText } from "@/lib/safe-text";
import { DeleteDialog } from "./delete-dialog";

export function ServerMenu({ server }: { server: ServerInfo }) {
  const [deleting, setDeleting] = useState(false);
  const mayEdit = useMay("modify_service", server.path);
  const mayDelete = useMay("delete_service", server.path);
  const config = useConfig();
  const toast = useToast();
  const params = { _splat: trimSlashes(server.path) };

  async function copyEndpoint() {
    const copied = await copyText(endpointOf(server, config, window.location.origin).url);
    toast(copied ? { title: "Endpoint address copied" } : { tone: "bad", title: "Copying was blocked" });
  }

  return (
    <>
      <Menu>
        <MenuTrigger asChild>
          <Button variant="ghost" size="iconSm" aria-label={`Actions for ${plainText(server.server_name)}`}>
            <Ellipsis />
          </Button>
        </MenuTrigger>
        <MenuContent align="end">
          <MenuItem asChild>
            <Link to="/servers/$" params={params} hash="connect">
              <Plug aria-hidden /> Connect a client
            </Link>
          </MenuItem>
          <MenuItem onSelect={copyEndpoint}>
            <Copy aria-hidden /> Copy endpoint
          </MenuItem>
          {mayEdit && (
            <MenuItem asChild>
              <Link to="/edit/$" params={params}>
                <Pencil aria-hidden /> Edit
              </Link>
            </MenuItem>
          )}
          {mayDelete && (
            <>
              <MenuSeparator />
              <MenuItem danger onSelect={() => setDeleting(true)}>
                <Trash2 aria-hidden /> Delete
              </MenuItem>
            </>
          )}
        </MenuContent>
      </Menu>
      {deleting && <DeleteDialog server={server} onClose={() => setDeleting(false)} />}
    </>
  );
}
