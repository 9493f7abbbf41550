import { Link } from "@tanstack/react-router";
import { Lock } from "lucide-react";
import { Button } from "@/components/ui/button";
import { EmptyState } from "@/components/ui/states";

export const NotAllowed = () => (
  <div className="grid min-h-[70dvh] place-items-center">
    <EmptyState
      icon={<Lock />}
      title="You may not change servers"
      actions={
        <Button asChild>
          <Link to="/">Go to servers</Link>
        </Button>
      }
    >
      Your account can look at servers and use them. Ask an administrator for more.
    </EmptyState>
  </div>
);
