// The program under test, and an MCP server behind it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

export const PASSWORD = "a password of these tests only";

/** Asks until it is true, for half a minute at most. */
export async function until(what, ask) {
  const end = Date.now() + 30_000;
  while (Date.now() < end) {
    const answer = await ask().catch(() => null);
    if (answer) return answer;
    await wait(100);
  }
  throw new Error(`not within 30 seconds: ${what}`);
}

function program() {
  const binary = process.env.MCP_BINARY;
  if (!binary) throw new Error("MCP_BINARY names no program");
  return binary;
}

// What the groups of both providers open. Whoever is in none of them may do nothing.
const POLICY = `
UI-Scopes:
  time-users:
    list_service: [time]
group_mappings:
  mcp-registry-admin: [mcp-registry-admin]
  mcp-servers-unrestricted: [everything]
  mcp-servers-restricted: [time-users]
  readers: [time-users]
mcp-registry-admin:
- {server: "*", methods: [all], tools: [all]}
everything:
- {server: "*", methods: [all], tools: [all]}
time-users:
- {server: time, methods: [initialize, tools/list, tools/call], tools: [current_time_by_timezone]}
`;

/** `mcp --mode full` with these settings and the policy above, on ports of the kernel's choice. */
export async function startMcp(settings) {
  const folder = await mkdtemp(join(tmpdir(), "mcp-identity-"));
  await writeFile(join(folder, "scopes.yml"), POLICY);
  const child = spawn(program(), ["--mode", "full"], {
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      DATA_DIR: folder,
      ADMIN_PASSWORD: PASSWORD,
      REGISTRY_BIND: "127.0.0.1:0",
      GATEWAY_HTTP_BIND: "127.0.0.1:0",
      OPS_BIND: "off",
      LOG_FORMAT: "text",
      ...settings,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (log += data));
  child.on("exit", (code) => {
    if (code) console.error(`mcp ended with ${code}\n${log}`);
  });
  const listeners = await until("mcp listens", async () =>
    JSON.parse(await readFile(join(folder, "run", "listeners.json"), "utf8")),
  );
  const base = `http://${listeners.gateway_http}`;
  return {
    base,
    log: () => log,
    async stop() {
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "exit");
      await rm(folder, { recursive: true });
    },
  };
}

/** Answers every message, and tells as whom it was called. */
export async function startServer() {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { id } = JSON.parse(body);
    const result = { user: request.headers["x-user"], authorization: request.headers.authorization ?? null };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, stop: () => server.close() };
}

export const call = (base, path, token) =>
  fetch(`${base}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
  });

/** A session of the local administrator, for requests that change something. */
async function administrator(base) {
  const login = await fetch(`${base}/api/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "admin", password: PASSWORD }),
  });
  const { csrf_token } = await login.json();
  return { "x-csrf-token": csrf_token, cookie: login.headers.get("set-cookie").split(";")[0] };
}

/** Registers `/echo` and `/time`. */
export async function addServers(base, urls) {
  const headers = { "content-type": "application/json", ...(await administrator(base)) };
  for (const [path, url] of Object.entries(urls)) {
    const body = JSON.stringify({ path, server_name: path, proxy_pass_url: url });
    const added = await fetch(`${base}/api/servers`, { method: "POST", headers, body });
    if (added.status !== 200) throw new Error(`${path}: ${await added.text()}`);
  }
}

/** The example server of the program, which is a real MCP server with sessions. */
export async function startTime() {
  const child = spawn(program(), ["server", "currenttime", "--port", "0"], {
    env: { PATH: process.env.PATH },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (data) => (said += data));
  const [, url] = await until("the example server listens", async () => /listening on (\S+)/.exec(said));
  return { url: `${url}/mcp`, stop: () => child.kill("SIGTERM") };
}

/** Sends a message; the reply's status, session and result, whether it came as JSON or as an event. */
export async function talk(base, path, token, method, params, session) {
  const id = method.startsWith("notifications/") ? {} : { id: 1 };
  const answer = await fetch(`${base}${path}/mcp`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${token}`,
      ...(session ? { "mcp-session-id": session } : {}),
    },
    body: JSON.stringify({ jsonrpc: "2.0", ...id, method, params }),
  });
  const text = await answer.text();
  const data = text.match(/^data: ?(\{.*)$/m)?.[1] ?? text;
  const message = data ? JSON.parse(data) : null;
  return { status: answer.status, session: answer.headers.get("mcp-session-id"), message };
}

/** What a tool says, or the status that refuses it. */
export async function useTool(base, path, token, name, args) {
  const hello = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } };
  const { status, session } = await talk(base, path, token, "initialize", hello);
  if (status !== 200) return status;
  await talk(base, path, token, "notifications/initialized", {}, session);
  const called = await talk(base, path, token, "tools/call", { name, arguments: args }, session);
  return called.status === 200 ? called.message.result.content[0].text : called.status;
}

/** Calls with fresh tokens while keys are replaced three times; counts the answers by status. */
export async function rotateUnderLoad(base, idp) {
  const statuses = new Map();
  let running = true;
  const caller = async () => {
    while (running) {
      const { status } = await call(base, "/echo/mcp", await idp.token());
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const goOn = async () => {
    const seen = statuses.get(200) ?? 0;
    await until("calls go on", async () => (statuses.get(200) ?? 0) > seen + 50);
  };
  const callers = Array.from({ length: 8 }, caller);
  try {
    for (let rotation = 0; rotation < 3; rotation += 1) {
      await goOn();
      await idp.rotate();
    }
    await goOn();
  } finally {
    running = false;
    await Promise.all(callers);
  }
  return statuses;
}
