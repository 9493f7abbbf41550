// Drives `@modelcontextprotocol/client` 2.x; jobs and reports as in driver.mjs.
import { Client, ProtocolError, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { exercise, main, SAMPLED } from './driver.mjs';

async function run(job, wire) {
  const kind = job.transport === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
  const transport = new kind(new URL(job.url), { requestInit: wire.requestInit(), fetch: wire.fetch });
  const options = { capabilities: { sampling: {} }, versionNegotiation: { mode: job.era } };
  const client = new Client({ name: 'matrix', version: '1.0.0' }, options);
  client.setRequestHandler('sampling/createMessage', () => SAMPLED);
  const logs = [];
  client.setNotificationHandler('notifications/message', ({ params }) => logs.push([params.level, params.data]));
  client.call = (name, args, onprogress) => client.callTool({ name, arguments: args }, { onprogress });
  await client.connect(transport);
  try {
    return {
      version: client.getNegotiatedProtocolVersion(),
      ...(await exercise(client, job.plan, logs, (error) => error instanceof ProtocolError)),
    };
  } finally {
    if (transport.sessionId) await transport.terminateSession();
    await client.close();
  }
}

await main(run);
