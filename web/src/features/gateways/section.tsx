import type { ReactNode } from "react";
import { Card, CardHeader } from "@/components/ui/card";

interface SectionProps<T> {
  title: string;
  description: string;
  items: readonly T[];
  /** What to do where there is none. */
  empty: ReactNode;
  children: (item: T) => ReactNode;
}

/** A list of one kind of thing, under its name. */
export function Section<T>({ title, description, items, empty, children }: SectionProps<T>) {
  return (
    <Card aria-label={title}>
      <CardHeader title={title} description={description} />
      {items.length === 0 ? (
        <p className="border-t border-line px-5 py-4 text-[0.9rem] leading-relaxed text-ink-3">{empty}</p>
      ) : (
        <ul aria-label={title} className="divide-y divide-line border-t border-line">
          {items.map(children)}
        </ul>
      )}
    </Card>
  );
}

interface RowProps {
  name: ReactNode;
  badges?: ReactNode;
  action?: ReactNode;
  /** What is said of it: elements, one for each fact. */
  children: ReactNode;
}

/** One of them, and what can be done with it. */
export function Row({ name, badges, action, children }: RowProps) {
  return (
    <li className="flex items-center justify-between gap-4 px-5 py-3.5">
      <div className="min-w-0">
        <div className="flex min-w-0 flex-wrap items-center gap-x-2 gap-y-1">
          <span className="min-w-0 text-[0.93rem] font-medium break-words">{name}</span>
          {badges}
        </div>
        <p className="mt-0.5 flex flex-wrap gap-x-2 text-[0.84rem] text-ink-3 [&>*:not(:last-child)]:after:ml-2 [&>*:not(:last-child)]:after:content-['·'/'']">
          {children}
        </p>
      </div>
      {action}
    </li>
  );
}

/** A command or a setting inside a sentence. */
export const Code = ({ children }: { children: ReactNode }) => (
  <code className="font-mono text-[0.92em] whitespace-nowrap text-ink-2">{children}</code>
);
