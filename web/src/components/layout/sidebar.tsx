import { Link, useLocation } from "@tanstack/react-router";
import {
  BookOpen,
  KeyRound,
  type LucideIcon,
  ScrollText,
  Server,
  ShieldCheck,
  Users,
  Waypoints,
} from "lucide-react";
import { useConfig, useMe } from "@/api/queries";
import { plainText } from "@/lib/safe-text";
import { Brand } from "./brand";
import { LiveIndicator } from "./live-indicator";
import { UserMenu } from "./user-menu";

interface Destination {
  to: "/" | "/tokens" | "/users" | "/access" | "/gateways" | "/audit" | "/api";
  label: string;
  icon: LucideIcon;
  /** Only administrators can do anything there. */
  admin?: true;
}

const LINKS: Destination[] = [
  { to: "/", label: "Servers", icon: Server },
  { to: "/tokens", label: "Access tokens", icon: KeyRound },
  { to: "/users", label: "Users", icon: Users, admin: true },
  { to: "/access", label: "Access", icon: ShieldCheck, admin: true },
  { to: "/gateways", label: "Gateways", icon: Waypoints, admin: true },
  { to: "/audit", label: "Audit", icon: ScrollText, admin: true },
  { to: "/api", label: "API", icon: BookOpen },
];

/** Navigation, the state of the connection, and who is signed in. */
export function Sidebar({ onNavigate }: { onNavigate?: () => void }) {
  const config = useConfig();
  const admin = useMe()?.is_admin ?? false;
  const { pathname } = useLocation();
  return (
    <div className="flex h-full flex-col gap-5 p-3">
      <Link
        to="/"
        {...(onNavigate ? { onClick: onNavigate } : {})}
        className="mx-1 mt-1.5 rounded-lg px-1 py-1"
      >
        <Brand />
      </Link>
      <nav aria-label="Main" className="flex flex-col gap-0.5">
        {LINKS.filter((link) => admin || !link.admin).map(({ to, label, icon: Icon }) => (
          <Link
            key={to}
            to={to}
            {...(onNavigate ? { onClick: onNavigate } : {})}
            aria-current={isCurrent(to, pathname) ? "page" : undefined}
            className="flex items-center gap-2.5 rounded-lg px-2.5 py-2 text-[0.9rem] font-medium text-ink-3 transition-colors hover:bg-line/50 hover:text-ink aria-[current=page]:bg-line/70 aria-[current=page]:text-ink"
          >
            <Icon className="size-4" aria-hidden />
            {label}
          </Link>
        ))}
      </nav>
      <div className="mt-auto flex flex-col gap-2.5">
        <div className="flex items-center justify-between px-2.5">
          <LiveIndicator />
          {config && (
            <span className="font-mono text-[0.75rem] text-ink-3">v{plainText(config.version)}</span>
          )}
        </div>
        <div className="border-t border-line pt-2.5">
          <UserMenu />
        </div>
      </div>
    </div>
  );
}

/** Everything about servers belongs to "Servers", whatever its address. */
function isCurrent(to: string, pathname: string): boolean {
  if (to !== "/") return pathname === to || pathname.startsWith(`${to}/`);
  return pathname === "/" || /^\/(servers|edit|new)(\/|$)/.test(pathname);
}
