import { cva, type VariantProps } from "class-variance-authority";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

const style = cva(
  "inline-flex max-w-full items-center gap-1 rounded-md px-1.5 py-px text-[0.78rem] leading-5 font-medium",
  {
    variants: {
      tone: {
        neutral: "bg-hover text-ink-2",
        outline: "border border-line text-ink-2",
        accent: "bg-accent-soft text-accent",
        good: "bg-good-soft text-good",
        warn: "bg-warn-soft text-warn",
        bad: "bg-bad-soft text-bad",
      },
    },
    defaultVariants: { tone: "neutral" },
  },
);

export function Badge({ tone, className, ...props }: ComponentProps<"span"> & VariantProps<typeof style>) {
  return <span className={cn(style({ tone }), className)} {...props} />;
}
