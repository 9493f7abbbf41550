import { type ReactNode, useId } from "react";
import { FieldError } from "@/components/ui/field";
import { Switch } from "@/components/ui/switch";

interface FormSectionProps {
  title: string;
  description?: string;
  children: ReactNode;
}

export const FormSection = ({ title, description, children }: FormSectionProps) => (
  <section className="flex flex-col gap-5 border-b border-line px-5 py-6 last:border-b-0 sm:px-6">
    <header>
      <h2 className="text-[0.98rem] font-semibold">{title}</h2>
      {description && <p className="mt-0.5 text-[0.87rem] leading-relaxed text-ink-3">{description}</p>}
    </header>
    {children}
  </section>
);

interface SwitchFieldProps {
  label: string;
  hint: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  error?: string | undefined;
  /** Shown while it is on. */
  warning?: ReactNode;
}

export function SwitchField({ label, hint, checked, onChange, error, warning }: SwitchFieldProps) {
  const id = useId();
  return (
    <div className="flex flex-col gap-2.5">
      <div className="flex items-start justify-between gap-6">
        <div className="min-w-0">
          <label htmlFor={id} className="text-[0.88rem] font-medium">
            {label}
          </label>
          <p id={`${id}-hint`} className="mt-0.5 text-[0.83rem] leading-snug text-ink-3">
            {hint}
          </p>
        </div>
        <Switch
          id={id}
          aria-describedby={`${id}-hint`}
          checked={checked}
          onCheckedChange={onChange}
          className="mt-1"
        />
      </div>
      <FieldError error={error} />
      {checked && warning}
    </div>
  );
}
