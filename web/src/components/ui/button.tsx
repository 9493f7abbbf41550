import { cva, type VariantProps } from "class-variance-authority";
import { LoaderCircle } from "lucide-react";
import { Slot } from "radix-ui";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

export const buttonStyle = cva(
  "inline-flex shrink-0 select-none items-center justify-center gap-2 whitespace-nowrap rounded-lg font-medium transition-colors duration-100 disabled:opacity-50 aria-disabled:opacity-50 [&_svg]:shrink-0",
  {
    variants: {
      variant: {
        primary: "bg-solid text-on-solid hover:bg-solid-hover",
        secondary: "border border-line bg-surface text-ink shadow-xs hover:border-line-strong hover:bg-hover",
        ghost: "text-ink-2 hover:bg-hover hover:text-ink",
        danger: "bg-bad-solid text-white hover:opacity-90",
        dangerGhost: "text-bad hover:bg-bad-soft",
      },
      size: {
        md: "h-9 px-3.5 text-[0.9rem] [&_svg]:size-4",
        sm: "h-8 px-2.5 text-[0.85rem] [&_svg]:size-3.5",
        icon: "size-9 [&_svg]:size-4",
        iconSm: "size-8 [&_svg]:size-4",
      },
    },
    defaultVariants: { variant: "secondary", size: "md" },
  },
);

interface ButtonProps extends ComponentProps<"button">, VariantProps<typeof buttonStyle> {
  asChild?: boolean;
  /** Shows that the action is under way and keeps it from being started twice. */
  busy?: boolean;
}

export function Button({
  asChild,
  busy = false,
  variant,
  size,
  className,
  children,
  disabled,
  type = "button",
  ...props
}: ButtonProps) {
  if (asChild) {
    return (
      <Slot.Root className={cn(buttonStyle({ variant, size }), className)} {...props}>
        {children}
      </Slot.Root>
    );
  }
  return (
    <button
      type={type}
      className={cn(buttonStyle({ variant, size }), className)}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      {...props}
    >
      {busy && <LoaderCircle className="animate-spin" aria-hidden />}
      {children}
    </button>
  );
}
