import { cn } from "@/lib/cn";
import { pieces } from "@/lib/safe-text";

interface SafeTextProps {
  children: string;
  /** Keeps line breaks. */
  lines?: boolean;
  className?: string;
}

/** Text that other people wrote: isolated from the text around it, hidden characters made visible. */
export function SafeText({ children, lines = false, className }: SafeTextProps) {
  let offset = 0;
  return (
    <bdi className={cn(lines && "whitespace-pre-wrap", className)}>
      {pieces(children, lines).map((piece) => {
        offset += piece.text.length;
        return piece.kind === "text" ? (
          piece.text
        ) : (
          <span
            key={offset}
            title="Hidden character"
            className="mx-px rounded bg-warn-soft px-1 font-mono text-[0.72em] whitespace-nowrap text-warn"
          >
            {piece.text}
          </span>
        );
      })}
    </bdi>
  );
}
