import { useQuery } from "@tanstack/react-query";
import { Outlet, useRouter } from "@tanstack/react-router";
import { Menu as MenuIcon } from "lucide-react";
import { Dialog as RadixDialog } from "radix-ui";
import { useEffect, useState } from "react";
import { meQuery } from "@/api/queries";
import { Button } from "@/components/ui/button";
import { ErrorState } from "@/components/ui/states";
import { LiveProvider } from "@/features/servers/live";
import { Brand, Mark } from "./brand";
import { InsecureBanner } from "./insecure-banner";
import { LiveIndicator } from "./live-indicator";
import { Sidebar } from "./sidebar";

/** Everything behind the login: who is not signed in is sent there and comes back afterwards. */
export function AppLayout() {
  const me = useQuery(meQuery);
  if (me.isPending) return <Splash />;
  if (me.isError) {
    return (
      <main className="grid min-h-dvh place-items-center">
        <ErrorState
          error={me.error}
          title="The registry does not answer"
          onRetry={() => me.refetch()}
          retrying={me.isFetching}
        />
      </main>
    );
  }
  if (!me.data) return <ToLogin />;
  return (
    <LiveProvider>
      <Shell />
    </LiveProvider>
  );
}

/** Leaves once, with the address it was shown at: later renders see the address of the login. */
function ToLogin() {
  const router = useRouter();
  const [from] = useState(() => router.state.location.href);
  useEffect(() => {
    void router.navigate({ to: "/login", search: from === "/" ? {} : { next: from }, replace: true });
  }, [router, from]);
  return <Splash />;
}

function Shell() {
  const [open, setOpen] = useState(false);
  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[15rem_minmax(0,1fr)]">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:fixed focus:top-3 focus:left-3 focus:z-60 focus:rounded-lg focus:bg-solid focus:px-3 focus:py-2 focus:text-on-solid"
      >
        Skip to content
      </a>
      <aside className="sticky top-0 hidden h-dvh border-r border-line bg-sunken lg:block dark:bg-canvas">
        <Sidebar />
      </aside>
      <div className="flex min-w-0 flex-col">
        <header className="sticky top-0 z-30 flex h-14 items-center justify-between gap-3 border-b border-line bg-canvas/90 px-3 backdrop-blur lg:hidden">
          <RadixDialog.Root open={open} onOpenChange={setOpen}>
            <div className="flex items-center gap-1.5">
              <RadixDialog.Trigger asChild>
                <Button variant="ghost" size="icon" aria-label="Open navigation">
                  <MenuIcon />
                </Button>
              </RadixDialog.Trigger>
              <Brand />
            </div>
            <LiveIndicator className="mr-1.5" />
            <RadixDialog.Portal>
              <div data-slot="scrim" className="fixed inset-0 z-40 animate-fade bg-scrim" aria-hidden />
              <RadixDialog.Content
                aria-describedby={undefined}
                // Radix would focus the first button, far down: start at the top instead.
                onOpenAutoFocus={(event) => {
                  event.preventDefault();
                  (event.currentTarget as HTMLElement).focus();
                }}
                tabIndex={-1}
                className="fixed inset-y-0 left-0 z-50 w-64 animate-slide-in border-r border-line bg-surface focus:outline-none"
              >
                <RadixDialog.Title className="sr-only">Navigation</RadixDialog.Title>
                <Sidebar onNavigate={() => setOpen(false)} />
              </RadixDialog.Content>
            </RadixDialog.Portal>
          </RadixDialog.Root>
        </header>
        <InsecureBanner />
        <main id="content" tabIndex={-1} className="min-w-0 flex-1 outline-none">
          <Outlet />
        </main>
      </div>
    </div>
  );
}

const Splash = () => (
  <output className="grid min-h-dvh place-items-center" aria-label="Loading">
    <Mark className="size-10 animate-shimmer" />
  </output>
);
