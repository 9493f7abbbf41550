import { Link } from "@tanstack/react-router";
import { Globe } from "lucide-react";
import { useConfig } from "@/api/queries";
import { trimSlashes } from "@/api/servers";
import type { ServerInfo } from "@/api/types";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";
import { CopyButton } from "@/components/ui/copy-button";
import { Tooltip } from "@/components/ui/tooltip";
import { cn } from "@/lib/cn";
import { endpointOf } from "@/lib/endpoint";
import { absoluteTime, relativeTime } from "@/lib/time";
import { useFlashClass } from "./changes";
import { EnabledSwitch } from "./enabled-switch";
import { Health } from "./health";
import { ServerMenu } from "./server-menu";

interface ServerProps {
  server: ServerInfo;
}

export function ServerRow({ server }: ServerProps) {
  const flash = useFlashClass(server.path);
  return (
    <tr
      data-path={server.path}
      className={cn("group align-middle transition-colors hover:bg-sunken/70", flash)}
    >
      <td className="py-3 pr-3 pl-5">
        <Title server={server} />
        <Summary server={server} className="mt-0.5" />
      </td>
      <td className="px-3 py-3">
        <EndpointCell server={server} />
      </td>
      <td className="hidden px-3 py-3 text-[0.88rem] text-ink-2 tabular-nums lg:table-cell">
        {server.num_tools > 0 ? server.num_tools : <span className="text-ink-3">–</span>}
      </td>
      <td className="px-3 py-3">
        <Health server={server} />
      </td>
      <td className="hidden px-3 py-3 text-[0.88rem] whitespace-nowrap text-ink-3 xl:table-cell">
        <time dateTime={server.updated_at} title={absoluteTime(server.updated_at)}>
          {relativeTime(server.updated_at)}
        </time>
      </td>
      <td className="px-3 py-3">
        <span className="flex items-center">
          <EnabledSwitch server={server} />
        </span>
      </td>
      <td className="py-3 pr-3 text-right">
        <ServerMenu server={server} />
      </td>
    </tr>
  );
}

export function ServerCard({ server }: ServerProps) {
  const flash = useFlashClass(server.path);
  return (
    <li
      data-path={server.path}
      className={cn("rounded-xl border border-line bg-surface px-4 pt-3.5 pb-2 shadow-xs", flash)}
    >
      <div className="flex items-start justify-between gap-3">
        <div className="min-w-0">
          <Title server={server} />
        </div>
        <EnabledSwitch server={server} className="mt-0.5" />
      </div>
      <Summary server={server} className="mt-1 line-clamp-2 whitespace-normal" />
      <Tags tags={server.tags} className="mt-2" />
      <div className="mt-2.5 flex items-center gap-3">
        <Health server={server} />
        <span className="min-w-0 flex-1">
          <EndpointCell server={server} />
        </span>
        <span className="-mr-2">
          <ServerMenu server={server} />
        </span>
      </div>
    </li>
  );
}

function Title({ server }: { server: ServerInfo }) {
  return (
    <div className="flex min-w-0 items-center gap-2">
      <Link
        to="/servers/$"
        params={{ _splat: trimSlashes(server.path) }}
        className="min-w-0 truncate rounded text-[0.95rem] font-medium hover:underline hover:decoration-line-strong hover:underline-offset-4"
      >
        <SafeText>{server.server_name}</SafeText>
      </Link>
      {server.public && (
        <Tooltip label="Anybody can call it, without a token">
          <Badge tone="warn" className="shrink-0">
            <Globe className="size-3" aria-hidden /> Public
          </Badge>
        </Tooltip>
      )}
      <Tags tags={server.tags} className="hidden shrink-0 flex-nowrap xl:flex" limit={2} />
    </div>
  );
}

function Summary({ server, className }: { server: ServerInfo; className?: string }) {
  return (
    <p className={cn("truncate text-[0.86rem] leading-snug text-ink-3", className)}>
      {server.description ? (
        <SafeText>{server.description}</SafeText>
      ) : (
        <span className="opacity-70">No description</span>
      )}
    </p>
  );
}

export function Tags({ tags, className, limit = 4 }: { tags: string[]; className?: string; limit?: number }) {
  if (tags.length === 0) return null;
  return (
    <div className={cn("flex min-w-0 flex-wrap gap-1", className)}>
      {tags.slice(0, limit).map((tag) => (
        <Badge key={tag} className="max-w-40">
          <span className="truncate">
            <SafeText>{tag}</SafeText>
          </span>
        </Badge>
      ))}
      {tags.length > limit && <Badge tone="outline">+{tags.length - limit}</Badge>}
    </div>
  );
}

function EndpointCell({ server }: { server: ServerInfo }) {
  const config = useConfig();
  const { url } = endpointOf(server, config, window.location.origin);
  return (
    <div className="flex min-w-0 items-center gap-1">
      <code className="truncate font-mono text-[0.8rem] text-ink-2" title={url}>
        {new URL(url).pathname}
      </code>
      <CopyButton
        text={url}
        label="Copy endpoint address"
        className="md:opacity-0 md:group-focus-within:opacity-100 md:group-hover:opacity-100"
      />
    </div>
  );
}
