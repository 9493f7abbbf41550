import { useState } from "react";
import type { TokenGenerated } from "@/api/types";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { Dialog, DialogClose, DialogContent } from "@/components/ui/dialog";
import { plainText } from "@/lib/safe-text";
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
        <DialogContent
          className="max-w-lg"
          title={generated.kind === "api_key" ? "Copy your API key now" : "Copy your token now"}
          description="It is shown this once. The registry keeps no copy of it."
          // A click beside the dialog must not throw the only copy away.
          onInteractOutside={(event) => event.preventDefault()}
        >
          <Shown generated={generated} />
        </DialogContent>
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

function Shown({ generated }: { generated: TokenGenerated }) {
  const token = generated.tokens.access_token;
  return (
    <>
      <div className="flex flex-col gap-2 rounded-lg border border-line bg-sunken p-3.5">
        <code
          data-slot="token"
          className="max-h-40 overflow-y-auto font-mono text-[0.82rem] leading-relaxed break-all"
        >
          {plainText(token)}
        </code>
        <div className="flex items-center justify-between gap-3 border-t border-line pt-2.5">
          <span className="text-[0.82rem] text-ink-3">Send it as “Authorization: Bearer …”</span>
          <CopyButton text={token} label="Copy token">
            Copy
          </CopyButton>
        </div>
      </div>
      <footer className="mt-1 flex justify-end">
        <DialogClose asChild>
          <Button variant="primary">Done</Button>
        </DialogClose>
      </footer>
    </>
  );
}
