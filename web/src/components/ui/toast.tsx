import { CircleAlert, CircleCheck, X } from "lucide-react";
import { Toast as Radix } from "radix-ui";
import { createContext, type ReactNode, useCallback, useContext, useState } from "react";

export interface ToastMessage {
  tone?: "good" | "bad";
  title: string;
  detail?: string | undefined;
}

const Context = createContext<(message: ToastMessage) => void>(() => {});

/** Says in passing what happened. */
export const useToast = () => useContext(Context);

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<(ToastMessage & { id: number })[]>([]);
  const show = useCallback((message: ToastMessage) => {
    setToasts((current) => [...current.slice(-2), { ...message, id: nextId++ }]);
  }, []);
  const drop = (id: number) => setToasts((current) => current.filter((toast) => toast.id !== id));

  return (
    <Context value={show}>
      <Radix.Provider swipeDirection="right" duration={5000}>
        {children}
        {toasts.map((toast) => (
          <Radix.Root
            key={toast.id}
            type={toast.tone === "bad" ? "foreground" : "background"}
            duration={toast.tone === "bad" ? 10_000 : 4000}
            onOpenChange={(open) => !open && drop(toast.id)}
            className="flex w-full animate-enter items-start gap-3 rounded-xl border border-line bg-raised px-4 py-3 shadow-pop"
          >
            {toast.tone === "bad" ? (
              <CircleAlert className="mt-0.5 size-4 shrink-0 text-bad" aria-hidden />
            ) : (
              <CircleCheck className="mt-0.5 size-4 shrink-0 text-good" aria-hidden />
            )}
            <div className="min-w-0 flex-1">
              <Radix.Title className="text-[0.9rem] font-medium break-words">{toast.title}</Radix.Title>
              {toast.detail && (
                <Radix.Description className="mt-0.5 text-[0.85rem] leading-snug break-words text-ink-2">
                  {toast.detail}
                </Radix.Description>
              )}
            </div>
            <Radix.Close aria-label="Dismiss" className="-mr-1 rounded p-0.5 text-ink-3 hover:text-ink">
              <X className="size-4" />
            </Radix.Close>
          </Radix.Root>
        ))}
        <Radix.Viewport className="fixed right-4 bottom-4 z-60 flex w-[calc(100vw-2rem)] max-w-sm flex-col gap-2 outline-none" />
      </Radix.Provider>
    </Context>
  );
}

let nextId = 1;
