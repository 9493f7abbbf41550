import { cva, type VariantProps } from "class-variance-authority";
import { CircleAlert, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { cn } from "@/lib/cn";

const style = cva("flex gap-3 rounded-xl border px-4 py-3 text-[0.9rem] leading-relaxed", {
  variants: {
    tone: {
      info: "border-line bg-sunken text-ink-2",
      warn: "border-warn-line bg-warn-soft text-ink",
      bad: "border-bad-line bg-bad-soft text-ink",
    },
  },
  defaultVariants: { tone: "info" },
});

interface CalloutProps extends VariantProps<typeof style> {
  title?: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
  className?: string;
  role?: "alert" | "status";
}

export function Callout({ tone = "info", title, children, actions, className, role }: CalloutProps) {
  const Icon = tone === "bad" ? CircleAlert : tone === "warn" ? TriangleAlert : Info;
  const color = tone === "bad" ? "text-bad" : tone === "warn" ? "text-warn" : "text-ink-3";
  return (
    <div className={cn(style({ tone }), className)} role={role}>
      <Icon className={cn("mt-[0.22em] size-4 shrink-0", color)} aria-hidden />
      <div className="min-w-0 flex-1">
        {title && <p className="font-medium">{title}</p>}
        {children && <div className="break-words text-ink-2">{children}</div>}
        {actions && <div className="mt-2.5 flex flex-wrap gap-2">{actions}</div>}
      </div>
    </div>
  );
}
