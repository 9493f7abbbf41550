import { Callout } from "@/components/ui/callout";
import { Field, FieldError } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { FormSection, SwitchField } from "./form-section";
import { HeaderRows } from "./header-rows";
import type { SectionProps } from "./server-form";

const TRANSPORTS = [
  { id: "streamable-http", label: "Streamable HTTP", hint: "The current transport" },
  { id: "sse", label: "SSE", hint: "The older HTTP + SSE transport" },
];

export function ConnectionSection({ values, problems, set }: SectionProps) {
  const toggle = (id: string, on: boolean) =>
    set(
      "supported_transports",
      on ? [...values.supported_transports, id] : values.supported_transports.filter((other) => other !== id),
    );
  return (
    <FormSection
      title="Connection"
      description="How the gateway reaches the server, and who may reach it through the gateway."
    >
      <Field
        label="URL"
        error={problems.proxy_pass_url}
        hint="Address of the MCP server. Without a path, /mcp is added."
      >
        {(control) => (
          <Input
            {...control}
            type="url"
            inputMode="url"
            className="font-mono text-[0.87rem]"
            placeholder="http://127.0.0.1:8000/"
            spellCheck={false}
            value={values.proxy_pass_url}
            onChange={(event) => set("proxy_pass_url", event.target.value)}
          />
        )}
      </Field>
      <fieldset className="flex flex-col gap-1.5">
        <legend className="mb-1.5 text-[0.88rem] font-medium">Transports</legend>
        <div className="grid gap-2 sm:grid-cols-2">
          {TRANSPORTS.map(({ id, label, hint }) => (
            <label
              key={id}
              className="flex items-start gap-3 rounded-lg border border-line-strong/80 px-3 py-2.5 transition-colors hover:border-line-strong has-checked:border-accent has-checked:bg-accent-soft/40 has-focus-visible:outline-2 has-focus-visible:outline-accent dark:border-line-strong/70"
            >
              <input
                type="checkbox"
                className="mt-1 size-3.5 accent-accent outline-none"
                checked={values.supported_transports.includes(id)}
                onChange={(event) => toggle(id, event.target.checked)}
              />
              <span className="min-w-0">
                <span className="block text-[0.88rem] font-medium">{label}</span>
                <span className="block text-[0.82rem] text-ink-3">{hint}</span>
              </span>
            </label>
          ))}
        </div>
        <FieldError error={problems.supported_transports} />
      </fieldset>
      <HeaderRows
        rows={values.headers}
        onChange={(headers) => set("headers", headers)}
        error={problems.headers}
      />
      <SwitchField
        label="Public"
        hint="Anybody may call it, without a token."
        checked={values.public}
        onChange={(open) => set("public", open)}
        error={problems.public}
        warning={
          <Callout tone="warn" title="No credential will be asked for">
            Whoever reaches the gateway may use every tool of this server. The headers above are sent for them
            too.
          </Callout>
        }
      />
    </FormSection>
  );
}
