import "./styles.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App, createQueryClient } from "./app";
import { reloadOnceForNewBuild } from "./lib/new-build";
import { followSystemTheme } from "./lib/theme";
import { createAppRouter } from "./router";

followSystemTheme();
reloadOnceForNewBuild();

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App router={createAppRouter()} client={createQueryClient()} />
    </StrictMode>,
  );
}
