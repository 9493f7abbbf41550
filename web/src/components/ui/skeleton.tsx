import { cn } from "@/lib/cn";

/** A grey shape where something is being loaded. */
export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden className={cn("block animate-shimmer rounded-md bg-hover", className)} />;
}
