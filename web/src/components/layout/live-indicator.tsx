import type { LiveStatus } from "@/api/live";
import { Tooltip } from "@/components/ui/tooltip";
import { useLive } from "@/features/servers/live";
import { cn } from "@/lib/cn";

const TEXT: Record<LiveStatus, [label: string, explanation: string]> = {
  connecting: ["Connecting", "Loading the current state."],
  live: ["Live", "Changes appear here as they happen."],
  reconnecting: ["Reconnecting", "The registry does not answer. What you see may be out of date."],
  paused: ["Paused", "Updates resume when this page is visible."],
};

export function LiveIndicator({ className }: { className?: string }) {
  const { status } = useLive();
  const [label, explanation] = TEXT[status];
  return (
    <Tooltip label={explanation}>
      <button
        type="button"
        data-live={status}
        className={cn(
          "inline-flex cursor-default items-center gap-2 rounded text-[0.83rem] text-ink-3",
          className,
        )}
      >
        <span className="relative flex size-2" aria-hidden>
          {status === "live" && (
            <span className="absolute inset-0 animate-ping-soft rounded-full bg-good-dot" />
          )}
          <span
            className={cn(
              "relative size-2 rounded-full",
              status === "live"
                ? "bg-good-dot"
                : status === "reconnecting"
                  ? "bg-warn-dot"
                  : "bg-line-strong",
            )}
          />
        </span>
        <span role="status">{label}</span>
      </button>
    </Tooltip>
  );
}
