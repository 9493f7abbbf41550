import { cn } from "@/lib/cn";
import { CopyButton } from "./copy-button";

interface CodeBlockProps {
  code: string;
  label: string;
  className?: string;
}

/** Text to copy, exactly as it is. */
export function CodeBlock({ code, label, className }: CodeBlockProps) {
  return (
    <div className={cn("group relative rounded-lg border border-line bg-sunken", className)}>
      <pre className="overflow-x-auto p-3.5 pr-12 font-mono text-[0.82rem] leading-relaxed text-ink">
        <code>{code}</code>
      </pre>
      <CopyButton text={code} label={label} className="absolute top-2 right-2 bg-sunken" />
    </div>
  );
}
