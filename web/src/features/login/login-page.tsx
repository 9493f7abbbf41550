import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { KeyRound } from "lucide-react";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { login, providerLoginUrl } from "@/api/auth";
import { isStatus } from "@/api/errors";
import { meQuery, providersQuery } from "@/api/queries";
import { Mark } from "@/components/layout/brand";
import { InsecureBanner } from "@/components/layout/insecure-banner";
import { SafeText } from "@/components/safe-text";
import { Button, buttonStyle } from "@/components/ui/button";
import { Callout } from "@/components/ui/callout";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { cn } from "@/lib/cn";
import { plainText } from "@/lib/safe-text";
import { localTarget } from "./target";

export function LoginPage() {
  const { next, error } = useSearch({ from: "/login" });
  const me = useQuery(meQuery);
  const providers = useQuery(providersQuery).data;
  useEffect(() => {
    document.title = "Sign in · MCP Gateway";
  }, []);
  const router = useRouter();
  const signedIn = Boolean(me.data);
  useEffect(() => {
    if (signedIn) router.history.replace(`/ui${localTarget(next)}`);
  }, [router, signedIn, next]);
  if (signedIn) return null;
  const local = providers?.local ?? true;

  return (
    <div className="flex min-h-dvh flex-col">
      <InsecureBanner />
      <main className="mx-auto flex w-full max-w-[22rem] flex-1 flex-col justify-center px-5 pt-10 pb-24">
        <Mark className="mb-6 size-10" />
        <h1 className="text-[1.5rem] leading-tight font-semibold tracking-[-0.024em]">
          Sign in to MCP Gateway
        </h1>
        <p className="mt-1.5 mb-7 text-[0.93rem] text-ink-3">Register, guard and reach MCP servers.</p>
        {error && (
          <Callout tone="bad" role="alert" className="mb-5">
            {reasons[error] ?? "You could not be signed in. Please try again."}
          </Callout>
        )}
        {providers && providers.providers.length > 0 && (
          <>
            <div className="flex flex-col gap-2.5">
              {providers.providers.map((provider) => (
                <a
                  key={provider.name}
                  href={providerLoginUrl(provider.name, localTarget(next))}
                  className={cn(buttonStyle({ variant: "secondary" }), "h-10 w-full")}
                >
                  <span className="truncate">
                    Continue with <SafeText>{provider.display_name}</SafeText>
                  </span>
                </a>
              ))}
            </div>
            {local && (
              <div className="my-6 flex items-center gap-3 text-[0.82rem] text-ink-3 before:h-px before:flex-1 before:bg-line after:h-px after:flex-1 after:bg-line">
                or
              </div>
            )}
          </>
        )}
        {local && <PasswordForm />}
      </main>
    </div>
  );
}

/** What a failed sign-in says, by the word in the address. */
const reasons: Record<string, string> = {
  credentials: "User name or password is wrong.",
  limit: "Too many failed attempts. Please wait some minutes.",
  unavailable: "The identity provider does not answer. Please try again in a moment.",
  state: "The sign-in took too long or was started in another window. Please start again.",
  denied: "The identity provider did not let you in.",
  provider: "The identity provider's answer could not be used. An administrator finds the reason in the log.",
};

function PasswordForm() {
  const client = useQueryClient();
  const password = useRef<HTMLInputElement>(null);
  const [username, setUsername] = useState("admin");
  const [secret, setSecret] = useState("");
  const signIn = useMutation({
    mutationFn: () => login(username, secret),
    onSuccess: async () => {
      client.removeQueries({
        predicate: (query) => query.queryKey[0] !== "config" && query.queryKey[0] !== "me",
      });
      await client.fetchQuery({ ...meQuery, staleTime: 0 });
    },
    onError: () => {
      password.current?.focus();
      password.current?.select();
    },
  });

  function submit(event: FormEvent) {
    event.preventDefault();
    if (!signIn.isPending) signIn.mutate();
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-4" aria-label="Sign in">
      <Field label="User name">
        {(control) => (
          <Input
            {...control}
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            className="h-10"
            value={username}
            onChange={(event) => setUsername(event.target.value)}
          />
        )}
      </Field>
      <Field label="Password" error={signIn.isError ? explain(signIn.error) : undefined}>
        {(control) => (
          <Input
            {...control}
            ref={password}
            name="password"
            type="password"
            autoComplete="current-password"
            autoFocus
            required
            className="h-10"
            value={secret}
            onChange={(event) => setSecret(event.target.value)}
          />
        )}
      </Field>
      <Button type="submit" variant="primary" className="mt-1 h-10 w-full" busy={signIn.isPending}>
        Sign in
      </Button>
      <p className="mt-3 flex gap-2.5 border-t border-line pt-5 text-[0.86rem] leading-relaxed text-ink-3">
        <KeyRound className="mt-1 size-3.5 shrink-0" aria-hidden />
        <span>
          First time here? The password lies in the file{" "}
          <code className="font-mono text-[0.92em] text-ink-2">admin-password</code> in the data directory,
          unless <code className="font-mono text-[0.92em] text-ink-2">ADMIN_PASSWORD</code> was set.
        </span>
      </p>
    </form>
  );
}

function explain(error: unknown): string {
  if (isStatus(error, 401)) return "User name or password is wrong.";
  if (isStatus(error, 429)) {
    const minutes = Math.ceil((error.retryAfterSeconds ?? 60) / 60);
    return `Too many failed attempts. Try again in ${minutes === 1 ? "a minute" : `${minutes} minutes`}.`;
  }
  return plainText(error instanceof Error ? error.message : "An unexpected error occurred.");
}
