import type { HealthStatus, ServerInfo } from "@/api/types";
import { Tooltip } from "@/components/ui/tooltip";
import { cn } from "@/lib/cn";
import { plainText } from "@/lib/safe-text";
import { relativeTime } from "@/lib/time";

const LABELS: Record<HealthStatus, string> = {
  healthy: "Healthy",
  unhealthy: "Unhealthy",
  unknown: "Not checked",
  disabled: "Disabled",
};

const DOTS: Record<HealthStatus, string> = {
  healthy: "bg-good-dot",
  unhealthy: "bg-bad-dot",
  unknown: "border-[1.5px] border-ink-3",
  disabled: "bg-line-strong",
};

/** A switched-off server is disabled, whatever its last check said. */
export const healthOf = (server: Pick<ServerInfo, "enabled" | "health">): HealthStatus =>
  server.enabled ? (server.health.status === "disabled" ? "unknown" : server.health.status) : "disabled";

export function HealthDot({ status, className }: { status: HealthStatus; className?: string }) {
  return (
    <span aria-hidden className={cn("inline-block size-2 shrink-0 rounded-full", DOTS[status], className)} />
  );
}

/** Dot and word; the reason and the time of the last check on demand. */
export function Health({ server }: { server: Pick<ServerInfo, "enabled" | "health"> }) {
  const status = healthOf(server);
  const checked = server.enabled ? relativeTime(server.health.checked_at) : "";
  const reason = server.enabled && server.health.detail ? plainText(server.health.detail) : "";
  const label = (
    <span className="inline-flex items-center gap-2 text-[0.88rem] whitespace-nowrap text-ink-2">
      <HealthDot status={status} />
      {LABELS[status]}
    </span>
  );
  if (!checked && !reason) return label;
  return (
    <Tooltip label={[reason, checked && `Checked ${checked}`].filter(Boolean).join(" · ")}>
      <button type="button" className="cursor-default rounded">
        {label}
      </button>
    </Tooltip>
  );
}
