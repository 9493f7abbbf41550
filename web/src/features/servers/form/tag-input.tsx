import { X } from "lucide-react";
import { type KeyboardEvent, useState } from "react";
import { SafeText } from "@/components/safe-text";
import type { ControlProps } from "@/components/ui/field";
import { plainText } from "@/lib/safe-text";

interface TagInputProps {
  control: ControlProps;
  tags: string[];
  onChange: (tags: string[]) => void;
  placeholder?: string;
  /** What one of them is. */
  noun?: string;
}

/** Tags as chips: Enter or a comma adds what was typed, Backspace takes the last one back. */
export function TagInput({
  control,
  tags,
  onChange,
  placeholder = "time, internal",
  noun = "tag",
}: TagInputProps) {
  const [text, setText] = useState("");

  function add(raw: string) {
    const fresh = raw
      .split(",")
      .map((tag) => tag.trim())
      .filter((tag, index, all) => tag !== "" && !tags.includes(tag) && all.indexOf(tag) === index);
    if (fresh.length > 0) onChange([...tags, ...fresh]);
    setText("");
  }

  function onKeyDown(event: KeyboardEvent) {
    if ((event.key === "Enter" && text.trim() !== "") || event.key === ",") {
      event.preventDefault();
      add(text);
    } else if (event.key === "Backspace" && text === "" && tags.length > 0) {
      onChange(tags.slice(0, -1));
    }
  }

  return (
    <div className="flex min-h-9 flex-wrap items-center gap-1.5 rounded-lg border border-line-strong/80 bg-surface px-1.5 py-1 shadow-xs focus-within:border-accent focus-within:outline-2 focus-within:outline-accent/25 has-aria-invalid:border-bad-dot dark:border-line-strong/70 dark:bg-sunken">
      {tags.map((tag) => (
        <span
          key={tag}
          className="inline-flex max-w-full items-center gap-0.5 rounded-md bg-hover py-0.5 pr-0.5 pl-2 text-[0.84rem] text-ink-2"
        >
          <span className="truncate">
            <SafeText>{tag}</SafeText>
          </span>
          <button
            type="button"
            aria-label={`Remove ${noun} ${plainText(tag)}`}
            onClick={() => onChange(tags.filter((other) => other !== tag))}
            className="rounded p-0.5 text-ink-3 hover:text-ink"
          >
            <X className="size-3.5" />
          </button>
        </span>
      ))}
      <input
        {...control}
        className="h-6.5 min-w-24 flex-1 bg-transparent px-1.5 text-[0.93rem] outline-none"
        placeholder={tags.length === 0 ? placeholder : ""}
        value={text}
        onChange={(event) =>
          event.target.value.includes(",") ? add(event.target.value) : setText(event.target.value)
        }
        onKeyDown={onKeyDown}
        onBlur={() => add(text)}
      />
    </div>
  );
}
