import { useState } from "react";
import type { TokenGenerated } from "@/api/types";
import { Dialog, DialogContent } from "@/components/ui/dialog";
import { ShownOnce } from "@/components/ui/shown-once";
import { GenerateForm } from "./generate-form";

interface GenerateDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** Asks what the token is for, then shows it the one time it can be shown. */
export function GenerateDialog({ open, onOpenChange }: GenerateDialogProps) {
  const [generated, setGenerated] = useState<TokenGenerated | null>(null);
  const change = (next: boolean) => {
    onOpenChange(next);
    if (!next) setGenerated(null);
  };
  return (
    <Dialog open={open} onOpenChange={change}>
      {generated ? (
        <ShownOnce
          title={generated.kind === "api_key" ? "Copy your API key now" : "Copy your token now"}
          secret={generated.tokens.access_token}
          use="Send it as “Authorization: Bearer …”"
          copyLabel="Copy token"
        />
      ) : (
        <DialogContent
          title="Generate token"
          description="For calls to servers and the API; with your own rights or fewer."
        >
          <GenerateForm onGenerated={setGenerated} />
        </DialogContent>
      )}
    </Dialog>
  );
}
