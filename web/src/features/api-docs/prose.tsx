import { SafeText } from "@/components/safe-text";

/** Text of the document; of Markdown only `code` is known. */
export function Prose({ children }: { children: string }) {
  let offset = 0;
  return (
    <>
      {children.split("`").map((part, index) => {
        offset += part.length + 1;
        return index % 2 === 1 ? (
          <code key={offset} className="rounded bg-hover px-1 font-mono text-[0.88em] text-ink-2">
            <SafeText>{part}</SafeText>
          </code>
        ) : (
          <SafeText key={offset} lines>
            {part}
          </SafeText>
        );
      })}
    </>
  );
}
