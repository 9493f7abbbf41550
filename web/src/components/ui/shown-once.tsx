import { plainText } from "@/lib/safe-text";
import { Button } from "./button";
import { CopyButton } from "./copy-button";
import { DialogClose, DialogContent } from "./dialog";

interface ShownOnceProps {
  title: string;
  secret: string;
  /** Where it goes. */
  use: string;
  copyLabel: string;
}

/** In a dialog: a secret, the one time it can be shown. */
export function ShownOnce({ title, secret, use, copyLabel }: ShownOnceProps) {
  return (
    <DialogContent
      className="max-w-lg"
      title={title}
      description="It is shown this once. The registry keeps no copy of it."
      // A click beside the dialog must not throw the only copy away.
      onInteractOutside={(event) => event.preventDefault()}
    >
      <div className="flex flex-col gap-2 rounded-lg border border-line bg-sunken p-3.5">
        <code
          data-slot="secret"
          className="max-h-40 overflow-y-auto font-mono text-[0.82rem] leading-relaxed break-all"
        >
          {plainText(secret)}
        </code>
        <div className="flex items-center justify-between gap-3 border-t border-line pt-2.5">
          <span className="text-[0.82rem] text-ink-3">{use}</span>
          <CopyButton text={secret} label={copyLabel}>
            Copy
          </CopyButton>
        </div>
      </div>
      <footer className="mt-1 flex justify-end">
        <DialogClose asChild>
          <Button variant="primary">Done</Button>
        </DialogClose>
      </footer>
    </DialogContent>
  );
}
