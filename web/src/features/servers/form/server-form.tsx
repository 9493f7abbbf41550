import { ChevronRight } from "lucide-react";
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { ApiError } from "@/api/errors";
import { Button } from "@/components/ui/button";
import { Callout } from "@/components/ui/callout";
import { Card } from "@/components/ui/card";
import { plainText } from "@/lib/safe-text";
import { AdvancedSection } from "./advanced-section";
import { BasicsSection } from "./basics-section";
import { ConnectionSection } from "./connection-section";
import { ADVANCED, hasProblems, noProblems, type Problems, problemsFrom, problemsOf } from "./problems";
import type { FieldName, FormValues } from "./values";

export interface SectionProps {
  values: FormValues;
  problems: Problems["fields"];
  set: <K extends FieldName>(field: K, value: FormValues[K]) => void;
  setMany: (changes: Partial<FormValues>) => void;
  creating: boolean;
}

interface ServerFormProps {
  creating: boolean;
  values: FormValues;
  onChange: (values: FormValues) => void;
  onSubmit: () => void;
  busy: boolean;
  /** The registry's refusal of the last attempt. */
  error: unknown;
  /** Replaces the general message for errors that the page handles itself. */
  notice?: ReactNode;
  submitLabel: string;
  cancel: ReactNode;
}

export function ServerForm(props: ServerFormProps) {
  const { creating, values, onChange, onSubmit, busy, error, notice, submitLabel, cancel } = props;
  const form = useRef<HTMLFormElement>(null);
  const [own, setOwn] = useState<Problems>(noProblems);
  const [advanced, setAdvanced] = useState(false);
  const problems = hasProblems(own)
    ? own
    : error instanceof ApiError
      ? problemsFrom(error.fields)
      : noProblems;
  const [settled, setSettled] = useState<ReadonlySet<FieldName>>(new Set());
  const shown = Object.fromEntries(
    Object.entries(problems.fields).filter(([field]) => !settled.has(field as FieldName)),
  ) as Problems["fields"];

  // After each attempt: open what hides an error, and take the user to the first one.
  useEffect(() => {
    const fields = Object.keys(
      (hasProblems(own) ? own : problemsFrom(error instanceof ApiError ? error.fields : [])).fields,
    );
    setSettled(new Set());
    if (fields.length === 0) return;
    if (fields.some((field) => ADVANCED.has(field as FieldName))) setAdvanced(true);
    requestAnimationFrame(() => {
      const invalid = form.current?.querySelector<HTMLElement>("[aria-invalid=true]");
      const message = form.current?.querySelector<HTMLElement>("[data-slot=field-error]");
      invalid?.focus({ preventScroll: true });
      (invalid ?? message)?.scrollIntoView?.({ block: "center", behavior: "smooth" });
    });
  }, [own, error]);

  // An error is taken back as soon as its field changes; the next attempt judges anew.
  const setMany = (changes: Partial<FormValues>) => {
    setSettled((now) => new Set([...now, ...(Object.keys(changes) as FieldName[])]));
    onChange({ ...values, ...changes });
  };
  const set: SectionProps["set"] = (field, value) => setMany({ [field]: value });

  function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    const found = problemsOf(values, creating);
    setOwn(found);
    if (!hasProblems(found)) onSubmit();
  }

  const section = { values, problems: shown, set, setMany, creating };
  return (
    <form ref={form} onSubmit={submit} noValidate autoComplete="off" aria-label={submitLabel}>
      <Card className="overflow-hidden">
        <BasicsSection {...section} />
        <ConnectionSection {...section} />
        <section className="border-b border-line last:border-b-0">
          <button
            type="button"
            aria-expanded={advanced}
            onClick={() => setAdvanced((open) => !open)}
            className="flex w-full items-center gap-2 px-5 py-4.5 text-left text-[0.98rem] font-semibold transition-colors hover:bg-sunken/70 focus-visible:-outline-offset-2 sm:px-6"
          >
            <ChevronRight
              className={`size-4 text-ink-3 transition-transform ${advanced ? "rotate-90" : ""}`}
              aria-hidden
            />
            Advanced
            <span className="ml-1 hidden font-normal text-[0.87rem] text-ink-3 sm:inline">
              Endpoints, limits, forwarding, TLS
            </span>
          </button>
          {advanced && <AdvancedSection {...section} />}
        </section>
      </Card>
      <div className="sticky bottom-0 z-10 -mx-4 mt-6 flex flex-col gap-3 border-t border-line bg-canvas px-4 pt-3.5 pb-4 sm:-mx-6 sm:px-6">
        {notice ?? <Refusal error={hasProblems(own) ? null : error} others={problems.others} />}
        <div className="flex flex-row-reverse justify-start gap-2">
          <Button type="submit" variant="primary" busy={busy}>
            {submitLabel}
          </Button>
          {cancel}
        </div>
      </div>
    </form>
  );
}

function Refusal({ error, others }: { error: unknown; others: string[] }) {
  if (!error) return null;
  const api = error instanceof ApiError ? error : null;
  const message = error instanceof Error ? error.message : "An unexpected error occurred.";
  return (
    <Callout tone="bad" role="alert" title={plainText(api?.title ?? "It was not saved")}>
      {api?.status === 422 && api.fields.length > 0
        ? others.length < api.fields.length && <p>See the messages beside the fields.</p>
        : message !== api?.title && <p>{plainText(message)}</p>}
      {others.map((other) => (
        <p key={other}>{other}</p>
      ))}
      {api?.requestId && api.status !== 422 && (
        <p className="mt-1 text-[0.82rem] text-ink-3">
          Request <code className="font-mono">{plainText(api.requestId)}</code>
        </p>
      )}
    </Callout>
  );
}
