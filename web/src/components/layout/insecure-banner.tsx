import { ShieldAlert, X } from "lucide-react";
import { useState } from "react";
import { useConfig } from "@/api/queries";

const KEY = "mcp.insecure-banner-dismissed";

/** Says that the session cookie travels in the clear. Dismissed for as long as the tab lives. */
export function InsecureBanner() {
  const config = useConfig();
  const [dismissed, setDismissed] = useState(readDismissed);
  if (!config?.ui.insecure_session || dismissed) return null;

  function dismiss() {
    setDismissed(true);
    try {
      sessionStorage.setItem(KEY, "1");
    } catch {
      // Then it lasts until the next load.
    }
  }

  return (
    <aside
      aria-label="Security notice"
      className="flex items-start gap-2.5 border-b border-warn-line bg-warn-soft px-4 py-2 text-[0.86rem] leading-snug sm:items-center sm:justify-center"
    >
      <ShieldAlert className="mt-0.5 size-4 shrink-0 text-warn sm:mt-0" aria-hidden />
      <p className="min-w-0 flex-1 sm:flex-none">
        <strong className="font-medium">Your session is not encrypted.</strong>{" "}
        <span className="text-ink-2">
          This page was opened over plain HTTP. Turn on TLS before others can reach it.
        </span>
      </p>
      <button
        type="button"
        onClick={dismiss}
        aria-label="Dismiss"
        className="rounded p-0.5 text-ink-3 hover:text-ink"
      >
        <X className="size-4" />
      </button>
    </aside>
  );
}

function readDismissed(): boolean {
  try {
    return sessionStorage.getItem(KEY) === "1";
  } catch {
    return false;
  }
}
