import { SafeText } from "@/components/safe-text";
import { Button } from "@/components/ui/button";
import { Callout } from "@/components/ui/callout";

interface ConflictNoticeProps {
  by: string | undefined;
  /** The registry refused to save, rather than the page having noticed first. */
  refused: boolean;
  busy: boolean;
  onReload: (keepMine: boolean) => void;
}

/** Somebody else changed the server meanwhile: nothing of theirs is overwritten unseen. */
export const ConflictNotice = ({ by, refused, busy, onReload }: ConflictNoticeProps) => (
  <Callout
    tone="warn"
    role="alert"
    title={
      by ? (
        <>
          <SafeText>{by}</SafeText> changed this server meanwhile
        </>
      ) : (
        "This server was changed meanwhile"
      )
    }
    actions={
      <>
        <Button size="sm" busy={busy} onClick={() => onReload(true)}>
          Load theirs, keep my edits
        </Button>
        <Button size="sm" variant="ghost" disabled={busy} onClick={() => onReload(false)}>
          Discard my edits
        </Button>
      </>
    }
  >
    {refused
      ? "Your edits were not saved, so that nothing gets lost. Load the newer version first."
      : "Load the newer version before you save."}
  </Callout>
);
