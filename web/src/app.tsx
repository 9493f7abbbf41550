import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect } from "react";
import { onSignedOut } from "./api/client";
import { meQuery, retryable } from "./api/queries";
import { ToastProvider } from "./components/ui/toast";
import { TooltipProvider } from "./components/ui/tooltip";
import type { createAppRouter } from "./router";

export const createQueryClient = () =>
  new QueryClient({ defaultOptions: { queries: { retry: retryable, staleTime: 10_000 } } });

interface AppProps {
  router: ReturnType<typeof createAppRouter>;
  client: QueryClient;
}

export function App({ router, client }: AppProps) {
  // A session that ends anywhere ends everywhere: the layout then shows the login.
  useEffect(
    () =>
      onSignedOut(() => {
        if (client.getQueryData(meQuery.queryKey)) client.setQueryData(meQuery.queryKey, null);
      }),
    [client],
  );
  return (
    <QueryClientProvider client={client}>
      <TooltipProvider delayDuration={350}>
        <ToastProvider>
          <RouterProvider router={router} />
        </ToastProvider>
      </TooltipProvider>
    </QueryClientProvider>
  );
}
