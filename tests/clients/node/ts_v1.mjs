// Drives `@modelcontextprotocol/sdk` 1.x; jobs and reports as in driver.mjs.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, LoggingMessageNotificationSchema, McpError } from '@modelcontextprotocol/sdk/types.js';
import { exercise, main, SAMPLED } from './driver.mjs';

async function run(job, wire) {
  const kind = job.transport === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
  const transport = new kind(new URL(job.url), { requestInit: wire.requestInit(), fetch: wire.fetch });
  const client = new Client({ name: 'matrix', version: '1.0.0' }, { capabilities: { sampling: {} } });
  client.setRequestHandler(CreateMessageRequestSchema, () => SAMPLED);
  const logs = [];
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => logs.push([params.level, params.data]));
  client.call = (name, args, onprogress) => client.callTool({ name, arguments: args }, undefined, { onprogress });
  let version;
  transport.setProtocolVersion = ((original) => (found) => original?.call(transport, (version = found)))(transport.setProtocolVersion);
  await client.connect(transport);
  try {
    return { version, ...(await exercise(client, job.plan, logs, (error) => error instanceof McpError)) };
  } finally {
    if (transport.sessionId) await transport.terminateSession();
    await client.close();
  }
}

await main(run);
