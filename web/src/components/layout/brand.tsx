import { cn } from "@/lib/cn";

export function Mark({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={cn("size-7 shrink-0", className)} aria-hidden>
      <rect width="32" height="32" rx="8" className="fill-[#4353d9]" />
      <path
        d="M8.5 22V11.2l7.5 6.3 7.5-6.3V22"
        fill="none"
        stroke="#fff"
        strokeWidth="2.6"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
      <circle cx="16" cy="23" r="1.9" fill="#fff" />
    </svg>
  );
}

export const Brand = () => (
  <span className="flex items-center gap-2.5 font-semibold tracking-[-0.015em]">
    <Mark />
    MCP Gateway
  </span>
);
