import type { ReactNode } from "react";
import { cn } from "@/lib/cn";

interface SegmentedProps<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; label: ReactNode }[];
  onChange: (value: T) => void;
  className?: string;
}

/** A choice among a few things that are all worth seeing. */
export function Segmented<T extends string>({
  label,
  value,
  options,
  onChange,
  className,
}: SegmentedProps<T>) {
  return (
    <fieldset
      aria-label={label}
      className={cn(
        "flex h-9 min-w-0 items-center gap-0.5 overflow-x-auto rounded-lg border border-line bg-sunken p-0.5 [scrollbar-width:none]",
        className,
      )}
    >
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={value === option.value}
          onClick={() => onChange(option.value)}
          className={cn(
            "flex h-full shrink-0 items-center gap-1.5 rounded-md px-2.5 text-[0.85rem] font-medium text-ink-3 transition-colors hover:text-ink focus-visible:-outline-offset-2",
            value === option.value && "bg-surface text-ink shadow-xs dark:bg-hover",
          )}
        >
          {option.label}
        </button>
      ))}
    </fieldset>
  );
}
