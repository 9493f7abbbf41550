import { RotateCw, ServerCrash } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError } from "@/api/errors";
import { plainText } from "@/lib/safe-text";
import { Button } from "./button";
import { CopyButton } from "./copy-button";

interface EmptyStateProps {
  icon: ReactNode;
  title: string;
  children: ReactNode;
  actions?: ReactNode;
}

/** Nothing here, why, and what to do about it. */
export function EmptyState({ icon, title, children, actions }: EmptyStateProps) {
  return (
    <div className="flex flex-col items-center px-6 py-16 text-center">
      <div className="mb-4 grid size-11 place-items-center rounded-xl border border-line bg-sunken text-ink-3 [&_svg]:size-5">
        {icon}
      </div>
      <h2 className="text-[1.02rem] font-semibold">{title}</h2>
      <div className="mt-1.5 max-w-md text-[0.92rem] leading-relaxed text-balance text-ink-3">{children}</div>
      {actions && <div className="mt-5 flex flex-wrap justify-center gap-2">{actions}</div>}
    </div>
  );
}

interface ErrorStateProps {
  error: unknown;
  title: string;
  onRetry?: () => void;
  retrying?: boolean;
}

/** What failed, in the registry's words, with the request id an operator can look up. */
export function ErrorState({ error, title, onRetry, retrying }: ErrorStateProps) {
  const message = error instanceof Error ? error.message : "An unexpected error occurred.";
  const requestId = error instanceof ApiError ? error.requestId : null;
  return (
    <div role="alert">
      <EmptyState
        icon={<ServerCrash className="text-bad" />}
        title={title}
        actions={
          onRetry && (
            <Button onClick={onRetry} busy={retrying ?? false}>
              {!retrying && <RotateCw />} Try again
            </Button>
          )
        }
      >
        <p className="break-words">{plainText(message)}</p>
        {requestId && (
          <p className="mt-2 inline-flex max-w-full items-center gap-1 text-[0.82rem]">
            <span className="shrink-0">Request</span>
            <code className="truncate font-mono">{plainText(requestId)}</code>
            <CopyButton text={requestId} label="Copy request id" />
          </p>
        )}
      </EmptyState>
    </div>
  );
}
