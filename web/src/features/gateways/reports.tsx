import { useConfig } from "@/api/queries";
import type { GatewayInfo } from "@/api/types";
import { SafeText } from "@/components/safe-text";
import { Badge } from "@/components/ui/badge";
import { absoluteTime } from "@/lib/time";
import { isSilent, missedRevision, seen, told } from "./report";
import { Code, Row, Section } from "./section";

interface ReportsProps {
  gateways: GatewayInfo[];
  /** When the answer came. */
  now: number;
}

/** The gateways that follow this registry, by what they say of themselves. */
export function Reports({ gateways, now }: ReportsProps) {
  const own = useConfig()?.mode === "full";
  return (
    <Section
      title="Gateways"
      description={`Those that have reported since this registry started${own ? "; the one in its own process needs no reports" : ""}.`}
      items={gateways}
      empty={
        <>
          None has reported: start {own ? "another" : "one"} with <Code>mcp --mode gateway</Code>, where{" "}
          <Code>REGISTRY_API_URL</Code> leads to this registry and <Code>REGISTRY_API_TOKEN</Code> is its
          token for gateways, <Code>gateway-token</Code> in its <Code>DATA_DIR</Code>.
        </>
      }
    >
      {(gateway) => <Report key={gateway.id} gateway={gateway} all={gateways} now={now} />}
    </Section>
  );
}

interface ReportProps {
  gateway: GatewayInfo;
  all: GatewayInfo[];
  now: number;
}

function Report({ gateway, all, now }: ReportProps) {
  const { version, revision } = told(gateway);
  const silent = isSilent(gateway, now);
  const missed = silent ? null : missedRevision(gateway, all);
  return (
    <Row
      name={<SafeText>{gateway.id}</SafeText>}
      badges={
        <>
          {silent ? <Badge tone="warn">Silent</Badge> : <Badge tone="good">Reports</Badge>}
          {missed !== null && <Badge tone="warn">Behind</Badge>}
        </>
      }
    >
      {version !== null && (
        <span className="min-w-0 break-all">
          Version <SafeText>{version}</SafeText>
        </span>
      )}
      {revision !== null && (
        <span>
          Revision {revision}
          {missed !== null && `, others have ${missed}`}
        </span>
      )}
      <span title={absoluteTime(gateway.last_seen)}>Seen {seen(gateway.last_seen, now)}</span>
      {gateway.events > 0 && <span>{gateway.events.toLocaleString("en")} events</span>}
    </Row>
  );
}
