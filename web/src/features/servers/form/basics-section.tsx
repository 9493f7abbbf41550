import { useState } from "react";
import { Field } from "@/components/ui/field";
import { Input, Textarea } from "@/components/ui/input";
import { pathFromName } from "@/lib/path";
import { FormSection, SwitchField } from "./form-section";
import type { SectionProps } from "./server-form";
import { TagInput } from "./tag-input";

export function BasicsSection({ values, problems, set, creating, setMany }: SectionProps) {
  // The path follows the name until somebody writes a path.
  const [following, setFollowing] = useState(creating && values.path === pathFromName(values.server_name));
  return (
    <FormSection title="Basics">
      <div className="grid gap-5 sm:grid-cols-2">
        <Field label="Name" error={problems.server_name}>
          {(control) => (
            <Input
              {...control}
              autoFocus={creating}
              placeholder="Current Time"
              value={values.server_name}
              onChange={({ target: { value } }) =>
                setMany(
                  following ? { server_name: value, path: pathFromName(value) } : { server_name: value },
                )
              }
            />
          )}
        </Field>
        <Field
          label="Path"
          error={problems.path}
          hint={
            creating
              ? "Where clients find it. It cannot be changed later."
              : "It identifies the server and cannot be changed."
          }
        >
          {(control) => (
            <Input
              {...control}
              className="font-mono text-[0.87rem]"
              placeholder="/current-time"
              spellCheck={false}
              autoCapitalize="none"
              readOnly={!creating}
              value={values.path}
              onChange={({ target: { value } }) => {
                setFollowing(value === "");
                set("path", value);
              }}
            />
          )}
        </Field>
      </div>
      <Field label="Description" optional error={problems.description}>
        {(control) => (
          <Textarea
            {...control}
            rows={2}
            placeholder="What it is good for, in a sentence or two"
            value={values.description}
            onChange={(event) => set("description", event.target.value)}
          />
        )}
      </Field>
      <Field label="Tags" optional error={problems.tags} hint="Press Enter or comma after each.">
        {(control) => (
          <TagInput control={control} tags={values.tags} onChange={(tags) => set("tags", tags)} />
        )}
      </Field>
      <SwitchField
        label="Enabled"
        hint="The gateway routes calls to it."
        checked={values.enabled}
        onChange={(enabled) => set("enabled", enabled)}
        error={problems.enabled}
      />
    </FormSection>
  );
}
