// Runs before the first paint; src/lib/theme.ts takes over afterwards. Keep both in step.
(() => {
  let choice = "system";
  try {
    choice = localStorage.getItem("mcp.theme") || "system";
  } catch {
    // Storage may be blocked: follow the system.
  }
  const dark =
    choice === "dark" || (choice !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
