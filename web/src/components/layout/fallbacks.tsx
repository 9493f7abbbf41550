import { type ErrorComponentProps, Link } from "@tanstack/react-router";
import { Bug, Compass } from "lucide-react";
import { useEffect } from "react";
import { Button } from "@/components/ui/button";
import { EmptyState } from "@/components/ui/states";
import { plainText } from "@/lib/safe-text";

export function NotFound() {
  useEffect(() => {
    document.title = "Not found · MCP Gateway";
  }, []);
  return (
    <div className="grid min-h-[70dvh] place-items-center">
      <EmptyState
        icon={<Compass />}
        title="There is no such page"
        actions={
          <Button asChild>
            <Link to="/">Go to servers</Link>
          </Button>
        }
      >
        The address may be mistyped, or what was here has been removed.
      </EmptyState>
    </div>
  );
}

/** Shown in place of a page whose code failed; the rest of the application goes on. */
export function PageError({ error, reset }: ErrorComponentProps) {
  return (
    <div role="alert" className="grid min-h-[70dvh] place-items-center">
      <EmptyState
        icon={<Bug className="text-bad" />}
        title="This page failed"
        actions={
          <>
            <Button onClick={() => window.location.reload()}>Reload</Button>
            <Button variant="ghost" onClick={reset}>
              Try again
            </Button>
          </>
        }
      >
        <p>The fault is in this page, not in your servers. Reloading usually helps.</p>
        <p className="mt-2 font-mono text-[0.8rem] break-words">
          {plainText(error instanceof Error ? error.message : String(error)).slice(0, 300)}
        </p>
      </EmptyState>
    </div>
  );
}
