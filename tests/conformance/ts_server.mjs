// A server on the TypeScript SDK of revision 2025-11-25: ts_server.mjs FOLDER, where FOLDER/node_modules has the SDK.
//
// It answers what the conformance suite asks of that revision, as the peer in Rust does and with its tools' definitions.
// It is here because its streams differ: other session and event ids, and no X-Accel-Buffering, which older servers do
// not send: nobody tells the gateway not to buffer. Prints "listening on URL" once it accepts, at a port that the kernel
// chose.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const require = createRequire(`${process.argv[2]}/`);
const { Server } = require('@modelcontextprotocol/sdk/server/index.js');
const { StreamableHTTPServerTransport } = require('@modelcontextprotocol/sdk/server/streamableHttp.js');
const { createMcpExpressApp } = require('@modelcontextprotocol/sdk/server/express.js');
const { InMemoryEventStore } = require('@modelcontextprotocol/sdk/examples/shared/inMemoryEventStore.js');
const types = require('@modelcontextprotocol/sdk/types.js');

const shared = name => JSON.parse(readFileSync(new URL(`../peers/server/${name}`, import.meta.url), 'utf8'));
const FORMS = shared('forms.json');
const IMAGE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==';
const SOUND = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=';

const text = words => ({ type: 'text', text: words });
const image = () => ({ type: 'image', data: IMAGE, mimeType: 'image/png' });
const resource = (uri, words, mimeType = 'text/plain') => ({ type: 'resource', resource: { uri, mimeType, text: words } });
const said = (...content) => ({ content });

const elicit = (form, message) => async (_, extra) => {
  const params = { message, requestedSchema: FORMS[form] };
  const answer = await extra.sendRequest({ method: 'elicitation/create', params }, types.ElicitResultSchema);
  return said(text(`answered: action=${answer.action}, content=${JSON.stringify(answer.content)}`));
};

async function sample({ prompt }, extra) {
  const params = { messages: [{ role: 'user', content: text(prompt) }], maxTokens: 100 };
  const answer = await extra.sendRequest({ method: 'sampling/createMessage', params }, types.CreateMessageResultSchema);
  return said(text(`LLM response: ${answer.content.text}`));
}

async function log(_, extra) {
  for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } });
    await sleep(50);
  }
  return said(text('logged'));
}

async function progress(_, extra) {
  const progressToken = extra._meta?.progressToken;
  for (const done of [0, 50, 100]) {
    if (progressToken !== undefined) {
      await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress: done, total: 100 } });
    }
    await sleep(50);
  }
  return said(text('done'));
}

async function closeOwnStream(_, extra) {
  extra.closeSSEStream?.();
  await sleep(100);
  return said(text('answered after the stream was closed'));
}

const CALLS = {
  test_simple_text: () => said(text('This is a simple text response for testing.')),
  test_image_content: () => said(image()),
  test_audio_content: () => said({ type: 'audio', data: SOUND, mimeType: 'audio/wav' }),
  test_embedded_resource: () => said(resource('test://embedded-resource', 'This is an embedded resource content.')),
  test_multiple_content_types: () =>
    said(text('Multiple content types test:'), image(), resource('test://mixed-content-resource', '{"test":"data","value":123}', 'application/json')),
  test_error_handling: () => ({ isError: true, ...said(text('This tool intentionally returns an error for testing')) }),
  json_schema_2020_12_tool: () => said(text('Hello')),
  test_sampling: sample,
  test_elicitation: elicit('contact', 'Who are you?'),
  test_elicitation_sep1034_defaults: elicit('defaults', 'Please check the values'),
  test_elicitation_sep1330_enums: elicit('enums', 'Please choose'),
  test_tool_with_logging: log,
  test_tool_with_progress: progress,
  test_reconnection: closeOwnStream,
};
const TOOLS = shared('tools.json').filter(tool => tool.name in CALLS);

const argument = name => ({ name, description: `The argument ${name}`, required: true });
const from = (...contents) => ({ messages: contents.map(content => ({ role: 'user', content })) });
const PROMPTS = {
  test_simple_prompt: [[], () => from(text('This is a simple prompt for testing.'))],
  test_prompt_with_arguments: [
    ['arg1', 'arg2'],
    given => from(text(`Prompt with arguments: arg1='${given.arg1}', arg2='${given.arg2}'`)),
  ],
  test_prompt_with_embedded_resource: [
    ['resourceUri'],
    given => from(resource(given.resourceUri, 'Embedded resource content for testing.'), text('Please process the embedded resource above.')),
  ],
  test_prompt_with_image: [[], () => from(image(), text('Please analyze the image above.'))],
};

function read(uri) {
  const id = /^test:\/\/template\/(.*)\/data$/.exec(uri)?.[1];
  if (uri === 'test://static-text') return { uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' };
  if (uri === 'test://static-binary') return { uri, mimeType: 'image/png', blob: IMAGE };
  if (id) return { uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) };
  throw new types.McpError(-32002, 'no such resource', { uri });
}

function newServer() {
  const capabilities = { tools: {}, prompts: {}, resources: { subscribe: true }, logging: {}, completions: {} };
  const server = new Server({ name: 'ts-peer-server', version: '0.0.0' }, { capabilities });
  const on = (schema, answer) => server.setRequestHandler(schema, answer);
  on(types.ListToolsRequestSchema, () => ({ tools: TOOLS }));
  on(types.CallToolRequestSchema, ({ params }, extra) => CALLS[params.name](params.arguments ?? {}, extra));
  on(types.ListPromptsRequestSchema, () => ({
    prompts: Object.entries(PROMPTS).map(([name, [wanted]]) => ({ name, description: name, arguments: wanted.map(argument) })),
  }));
  on(types.GetPromptRequestSchema, ({ params }) => PROMPTS[params.name][1](params.arguments ?? {}));
  on(types.ListResourcesRequestSchema, () => ({
    resources: ['text', 'binary'].map(kind => ({ uri: `test://static-${kind}`, name: kind, description: kind })),
  }));
  on(types.ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'template', description: 'template' }],
  }));
  on(types.ReadResourceRequestSchema, ({ params }) => ({ contents: [read(params.uri)] }));
  on(types.SubscribeRequestSchema, () => ({}));
  on(types.UnsubscribeRequestSchema, () => ({}));
  on(types.SetLevelRequestSchema, () => ({}));
  on(types.CompleteRequestSchema, () => ({ completion: { values: ['paris', 'park'], total: 2, hasMore: false } }));
  return server;
}

const sessions = new Map();

async function transportFor(request) {
  const id = request.headers['mcp-session-id'];
  if (id !== undefined || !types.isInitializeRequest(request.body)) return sessions.get(id);
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: new InMemoryEventStore(),
    retryInterval: 500,
    onsessioninitialized: id => sessions.set(id, transport),
    onsessionclosed: id => sessions.delete(id),
  });
  await newServer().connect(transport);
  return transport;
}

/** Answers without the header that proxies obey. */
function unmarked(response) {
  const writeHead = response.writeHead.bind(response);
  response.writeHead = (status, headers = {}) => {
    const kept = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'x-accel-buffering');
    return writeHead(status, Object.fromEntries(kept));
  };
  return response;
}

// Checks Host against loopback names, as the SDK does by default.
const app = createMcpExpressApp();
app.all('/mcp', async (request, response) => {
  const transport = await transportFor(request);
  if (transport) await transport.handleRequest(request, unmarked(response), request.body);
  else response.status(404).json({ jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } });
});
const listener = app.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${listener.address().port}/mcp`);
});
