import "./styles.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { onSignedOut } from "./api/client";
import { meQuery, retryable } from "./api/queries";
import { ToastProvider } from "./components/ui/toast";
import { TooltipProvider } from "./components/ui/tooltip";
import { reloadOnceForNewBuild } from "./lib/new-build";
import { followSystemTheme } from "./lib/theme";
import { createAppRouter } from "./router";

const client = new QueryClient({
  defaultOptions: { queries: { retry: retryable, staleTime: 10_000 } },
});

// A session that ends anywhere ends everywhere: the layout then shows the login.
onSignedOut(() => {
  if (client.getQueryData(meQuery.queryKey)) client.setQueryData(meQuery.queryKey, null);
});
followSystemTheme();
reloadOnceForNewBuild();

const router = createAppRouter();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <TooltipProvider delayDuration={350}>
          <ToastProvider>
            <RouterProvider router={router} />
          </ToastProvider>
        </TooltipProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}
