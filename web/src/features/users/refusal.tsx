import { ApiError } from "@/api/errors";
import { Callout } from "@/components/ui/callout";
import { describe } from "@/features/servers/mutations";

/** What the registry says is wrong with a field, the items of a list included. */
export function refusedField(error: unknown, field: string): string | undefined {
  if (!(error instanceof ApiError)) return undefined;
  return error.fields.find((wrong) => wrong.field === field || wrong.field.startsWith(`${field}/`))?.rule;
}

interface RefusalProps {
  error: unknown;
  /** Fields that show their own mistakes. */
  fields: string[];
}

/** What went wrong, unless a field says it already. */
export function Refusal({ error, fields }: RefusalProps) {
  if (!error || fields.some((field) => refusedField(error, field))) return null;
  return (
    <Callout tone="bad" role="alert">
      {describe(error)}
    </Callout>
  );
}
