import { X } from "lucide-react";
import { Dialog as Radix, AlertDialog as RadixAlert } from "radix-ui";
import {
  type ComponentProps,
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useRef,
  useState,
} from "react";
import { cn } from "@/lib/cn";
import { Button } from "./button";

/*
 * Why no Radix overlay: it injects a <style> element to lock scrolling, which `style-src 'self'` refuses.
 * The scrim is our own, and styles.css holds the page still while it is there.
 */
const Scrim = () => (
  <div data-slot="scrim" className="fixed inset-0 z-40 animate-fade bg-scrim" aria-hidden />
);

const panel =
  "fixed inset-x-4 top-[12vh] z-50 mx-auto flex max-h-[76vh] w-auto max-w-md animate-enter flex-col gap-4 overflow-y-auto rounded-2xl border border-line bg-raised p-5 shadow-pop focus:outline-none sm:p-6";

/**
 * Gives the focus back to where it was when a dialog opened. Radix gives it to the dialog's trigger, and ours have none:
 * they are opened by state, often from a menu that is gone by then.
 */
function useFocusBack(open: boolean): (event: Event) => void {
  const [opener, setOpener] = useState<HTMLElement | null>(null);
  const [wasOpen, setWasOpen] = useState(false);
  const isOpen = useRef(false);
  if (open !== wasOpen) {
    setWasOpen(open);
    if (open) setOpener(focused());
  }
  useEffect(() => {
    isOpen.current = open;
    return () => {
      isOpen.current = false;
    };
  }, [open]);
  return (event) => {
    event.preventDefault();
    // One content may follow another in the same dialog.
    if (isOpen.current) return;
    (opener?.isConnected ? opener : document.getElementById("content"))?.focus();
  };
}

function focused(): HTMLElement | null {
  const active = document.activeElement;
  const button = active?.closest('[role="menu"]')?.getAttribute("aria-labelledby");
  if (button) return document.getElementById(button);
  return active instanceof HTMLElement && active !== document.body ? active : null;
}

const FocusBack = createContext<(event: Event) => void>(() => {});

export function Dialog({ open = false, ...props }: ComponentProps<typeof Radix.Root>) {
  const focusBack = useFocusBack(open);
  return (
    <FocusBack value={focusBack}>
      <Radix.Root open={open} {...props} />
    </FocusBack>
  );
}

export const DialogClose = Radix.Close;

interface DialogContentProps extends Omit<ComponentProps<typeof Radix.Content>, "title"> {
  title: ReactNode;
  description?: ReactNode;
}

export function DialogContent({ title, description, className, children, ...props }: DialogContentProps) {
  const focusBack = useContext(FocusBack);
  return (
    <Radix.Portal>
      <Scrim />
      <Radix.Content
        className={cn(panel, className)}
        {...(description ? {} : { "aria-describedby": undefined })}
        onCloseAutoFocus={focusBack}
        {...props}
      >
        <header className="flex flex-col gap-1 pr-8">
          <Radix.Title className="text-[1.05rem] font-semibold">{title}</Radix.Title>
          {description && (
            <Radix.Description className="text-[0.9rem] text-ink-2">{description}</Radix.Description>
          )}
        </header>
        {children}
        <Radix.Close asChild>
          <Button variant="ghost" size="iconSm" className="absolute top-3.5 right-3.5" aria-label="Close">
            <X />
          </Button>
        </Radix.Close>
      </Radix.Content>
    </Radix.Portal>
  );
}

interface ConfirmDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  children: ReactNode;
  confirmLabel: string;
  busy?: boolean;
  onConfirm: () => void;
}

/** Asks before something that cannot be undone. Cancel has the focus; Escape cancels. */
export function ConfirmDialog({
  open,
  onOpenChange,
  title,
  children,
  confirmLabel,
  busy,
  onConfirm,
}: ConfirmDialogProps) {
  const focusBack = useFocusBack(open);
  return (
    <RadixAlert.Root open={open} onOpenChange={onOpenChange}>
      <RadixAlert.Portal>
        <Scrim />
        <RadixAlert.Content className={panel} onCloseAutoFocus={focusBack}>
          <RadixAlert.Title className="text-[1.05rem] font-semibold break-words">{title}</RadixAlert.Title>
          <RadixAlert.Description asChild>
            <div className="flex flex-col gap-3 text-[0.9rem] leading-relaxed text-ink-2">{children}</div>
          </RadixAlert.Description>
          <footer className="mt-1 flex flex-col-reverse gap-2 sm:flex-row sm:justify-end">
            <RadixAlert.Cancel asChild>
              <Button>Cancel</Button>
            </RadixAlert.Cancel>
            <Button variant="danger" busy={busy ?? false} onClick={onConfirm}>
              {confirmLabel}
            </Button>
          </footer>
        </RadixAlert.Content>
      </RadixAlert.Portal>
    </RadixAlert.Root>
  );
}
