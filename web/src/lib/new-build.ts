const KEY = "mcp.reloaded-at";

/** After an upgrade the hashed files of an open page are gone: load the new page, but never in a circle. */
export function reloadOnceForNewBuild(): void {
  window.addEventListener("vite:preloadError", (event) => {
    try {
      const last = Number(sessionStorage.getItem(KEY) ?? 0);
      if (Date.now() - last < 30_000) return;
      sessionStorage.setItem(KEY, String(Date.now()));
    } catch {
      return;
    }
    event.preventDefault();
    window.location.reload();
  });
}
