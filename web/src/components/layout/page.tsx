import { type ReactNode, useEffect } from "react";
import { cn } from "@/lib/cn";
import { plainText } from "@/lib/safe-text";

interface PageProps {
  title: string;
  /** What stands above the title, such as a way back. */
  above?: ReactNode;
  heading?: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
  width?: "wide" | "narrow";
  children: ReactNode;
}

export function Page({ title, above, heading, description, actions, width = "wide", children }: PageProps) {
  useEffect(() => {
    document.title = `${plainText(title)} · MCP Gateway`;
  }, [title]);
  return (
    <div
      className={cn(
        "mx-auto w-full px-4 pt-6 pb-20 sm:px-8 sm:pt-9",
        width === "wide" ? "max-w-[76rem]" : "max-w-[46rem]",
      )}
    >
      {above && <div className="mb-3 -ml-1">{above}</div>}
      <header className="mb-6">
        <div className="flex flex-wrap items-center justify-between gap-x-6 gap-y-3">
          <h1 className="text-[1.45rem] min-w-0 leading-tight font-semibold tracking-[-0.022em] break-words">
            {heading ?? title}
          </h1>
          {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
        </div>
        {description && (
          <div className="mt-2 max-w-2xl text-[0.93rem] leading-relaxed text-ink-3">{description}</div>
        )}
      </header>
      {children}
    </div>
  );
}
