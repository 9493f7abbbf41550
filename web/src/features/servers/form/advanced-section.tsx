import { Callout } from "@/components/ui/callout";
import { Field } from "@/components/ui/field";
import { Input, Textarea } from "@/components/ui/input";
import { SwitchField } from "./form-section";
import type { SectionProps } from "./server-form";

export function AdvancedSection({ values, problems, set }: SectionProps) {
  const address = (field: "mcp_endpoint" | "sse_endpoint", label: string, hint: string) => (
    <Field label={label} optional error={problems[field]} hint={hint}>
      {(control) => (
        <Input
          {...control}
          type="url"
          inputMode="url"
          className="font-mono text-[0.87rem]"
          spellCheck={false}
          value={values[field]}
          onChange={(event) => set(field, event.target.value)}
        />
      )}
    </Field>
  );
  return (
    <div className="flex flex-col gap-5 px-5 pt-1 pb-6 sm:px-6">
      <div className="grid gap-5 sm:grid-cols-2">
        {address("mcp_endpoint", "MCP endpoint", "Full address, where it does not follow from the URL.")}
        {address("sse_endpoint", "SSE endpoint", "Full address, where it does not follow from the URL.")}
      </div>
      <div className="grid gap-5 sm:grid-cols-2">
        <Field
          label="Call limit"
          optional
          error={problems.timeout}
          hint="Seconds one call may take. Default 600."
        >
          {(control) => (
            <Input
              {...control}
              inputMode="numeric"
              placeholder="600"
              value={values.timeout}
              onChange={(event) => set("timeout", event.target.value)}
            />
          )}
        </Field>
        <Field label="License" optional error={problems.license}>
          {(control) => (
            <Input
              {...control}
              placeholder="MIT"
              value={values.license}
              onChange={(event) => set("license", event.target.value)}
            />
          )}
        </Field>
      </div>
      <SwitchField
        label="Pass through"
        hint="Every path below the prefix goes to the server, not only its MCP endpoints."
        checked={values.passthrough}
        onChange={(on) => set("passthrough", on)}
        error={problems.passthrough}
      />
      <SwitchField
        label="Forward the caller’s Authorization"
        hint="For servers that check the caller’s own token."
        checked={values.forward_authorization}
        onChange={(on) => set("forward_authorization", on)}
        error={problems.forward_authorization}
        warning={
          <Callout tone="warn" title="The server sees its callers’ tokens">
            Turn this on only for a server you trust with them: it could act in their name.
          </Callout>
        }
      />
      <Field
        label="Certificate authority"
        optional
        error={problems.tls_ca}
        hint="PEM text of the authority behind the server’s certificate, where it is a private one."
      >
        {(control) => (
          <Textarea
            {...control}
            className="font-mono text-[0.82rem]"
            placeholder="-----BEGIN CERTIFICATE-----"
            spellCheck={false}
            value={values.tls_ca}
            onChange={(event) => set("tls_ca", event.target.value)}
          />
        )}
      </Field>
      <SwitchField
        label="Accept any certificate"
        hint="Skips the check of the server’s certificate."
        checked={values.tls_insecure}
        onChange={(on) => set("tls_insecure", on)}
        error={problems.tls_insecure}
        warning={
          <Callout tone="bad" title="The connection can be intercepted">
            Anybody on the way can read and change what is sent, headers included. Name the authority above
            instead.
          </Callout>
        }
      />
      <Field
        label="Metadata"
        optional
        error={problems.metadata}
        hint="A JSON object of your own, kept with the server."
      >
        {(control) => (
          <Textarea
            {...control}
            className="font-mono text-[0.82rem]"
            placeholder='{"owner": "platform"}'
            spellCheck={false}
            value={values.metadata}
            onChange={(event) => set("metadata", event.target.value)}
          />
        )}
      </Field>
    </div>
  );
}
