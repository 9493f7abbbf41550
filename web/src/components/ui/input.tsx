import { ChevronDown } from "lucide-react";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

const control =
  "w-full min-w-0 rounded-lg border border-line-strong/80 bg-surface text-[0.93rem] text-ink shadow-xs transition-colors hover:border-line-strong focus:border-accent focus:outline-2 focus:outline-offset-0 focus:outline-accent/25 disabled:bg-sunken disabled:text-ink-3 disabled:opacity-80 aria-invalid:border-bad-dot aria-invalid:focus:outline-bad-dot/25 dark:bg-sunken dark:border-line-strong/70";

/** Not for `select`, which browsers count as read-only. */
const readOnly = "read-only:bg-sunken read-only:text-ink-2";

export function Input({ className, type = "text", ...props }: ComponentProps<"input">) {
  return <input type={type} className={cn(control, readOnly, "h-9 px-3", className)} {...props} />;
}

export function Textarea({ className, rows = 3, ...props }: ComponentProps<"textarea">) {
  return (
    <textarea
      rows={rows}
      className={cn(
        control,
        readOnly,
        "field-sizing-content max-h-80 min-h-20 resize-y px-3 py-2 leading-relaxed",
        className,
      )}
      {...props}
    />
  );
}

export function Select({ className, children, ...props }: ComponentProps<"select">) {
  return (
    <span className="relative block">
      <select className={cn(control, "h-9 cursor-pointer appearance-none pr-9 pl-3", className)} {...props}>
        {children}
      </select>
      <ChevronDown
        className="pointer-events-none absolute top-1/2 right-3 size-4 -translate-y-1/2 text-ink-3"
        aria-hidden
      />
    </span>
  );
}
