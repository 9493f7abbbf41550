import type { ServerInfo } from "@/api/types";
import { SafeText } from "@/components/safe-text";
import { ConfirmDialog } from "@/components/ui/dialog";
import { useDeleteServer } from "./mutations";

interface DeleteDialogProps {
  server: ServerInfo;
  onClose: () => void;
  onDeleted?: () => void;
}

export function DeleteDialog({ server, onClose, onDeleted }: DeleteDialogProps) {
  const remove = useDeleteServer(onDeleted);
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && !remove.isPending && onClose()}
      title={
        <>
          Delete <SafeText>{server.server_name}</SafeText>?
        </>
      }
      confirmLabel="Delete server"
      busy={remove.isPending}
      onConfirm={() => remove.mutate(server, { onSettled: onClose })}
    >
      <p>
        Clients lose <code className="font-mono text-[0.85em] break-all text-ink">{server.path}</code> at
        once, open streams are closed, and its definition is gone for good.
      </p>
      {server.enabled && <p>To take it out of service for a while, disable it instead.</p>}
    </ConfirmDialog>
  );
}
