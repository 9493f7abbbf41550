// Drives the inspector's command line, in one process: `runCli` is what its own program calls. Jobs and reports as in
// driver.mjs. It reports neither progress nor the end of a session, so those parts are left out.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { main } from './driver.mjs';
import { runCli } from './node_modules/@modelcontextprotocol/inspector/clients/cli/build/index.js';

const CONFIG = 'servers.json';
const RESULT = 'result.json';

// One run of the program. A tool's error is written like a result; other errors leave no result.
async function ask(era, method, ...args) {
  const argv = ['--config', CONFIG, '--server', 'it', '--protocol-era', era, '--quiet', '--output', RESULT, '--method', method, ...args];
  rmSync(RESULT, { force: true });
  try {
    await runCli(['node', 'inspector-cli', ...argv]);
  } catch (error) {
    if (method !== 'tools/call' || error.envelope === undefined) throw error;
    if (error.envelope.code !== 'tool_is_error') return { error: error.envelope };
  }
  return JSON.parse(readFileSync(RESULT, 'utf8'));
}

const call = (era, { name, arguments: args }) => ask(era, 'tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(args));

async function run({ url, era, transport, token, plan }) {
  const headers = token ? { Authorization: `Bearer ${process.env.MCP_TEST_TOKEN}` } : {};
  const type = transport === 'sse' ? 'sse' : 'streamable-http';
  // The token goes into a file: arguments are for everybody to read.
  writeFileSync(CONFIG, JSON.stringify({ mcpServers: { it: { type, url, headers } } }), { mode: 0o600 });
  const report = { version: (await ask(era, 'initialize')).protocolVersion };
  report.tools = (await ask(era, 'tools/list')).tools;
  report.call = await call(era, plan.call);
  report.wrong = [];
  for (const wrong of plan.wrong) report.wrong.push(await call(era, wrong));
  if (plan.resource) {
    report.resources = (await ask(era, 'resources/list')).resources;
    report.resource = await ask(era, 'resources/read', '--uri', plan.resource);
  }
  if (plan.prompt) {
    const given = Object.entries(plan.prompt.arguments).map(([name, value]) => `${name}=${value}`);
    report.prompts = (await ask(era, 'prompts/list')).prompts;
    report.prompt = await ask(era, 'prompts/get', '--prompt-name', plan.prompt.name, '--prompt-args', ...given);
  }
  return report;
}

await main(run);
