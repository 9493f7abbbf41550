import { Check, Copy } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { copyText } from "@/lib/clipboard";
import { cn } from "@/lib/cn";
import { Button } from "./button";
import { useToast } from "./toast";

interface CopyButtonProps {
  text: string;
  /** What is copied, for screen readers: "Copy endpoint address". */
  label: string;
  children?: ReactNode;
  className?: string;
}

export function CopyButton({ text, label, children, className }: CopyButtonProps) {
  const [copied, setCopied] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const toast = useToast();
  useEffect(() => () => clearTimeout(timer.current), []);

  async function copy() {
    if (!(await copyText(text))) {
      toast({ tone: "bad", title: "Copying was blocked", detail: "Select the text and copy it by hand." });
      return;
    }
    setCopied(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(false), 1600);
  }

  return (
    <Button
      variant={children ? "secondary" : "ghost"}
      size={children ? "sm" : "iconSm"}
      className={cn(children ? "" : "size-7", className)}
      aria-label={copied ? "Copied" : label}
      title={children ? undefined : label}
      onClick={copy}
    >
      {copied ? <Check className="text-good" /> : <Copy />}
      {children && <span>{copied ? "Copied" : children}</span>}
    </Button>
  );
}
