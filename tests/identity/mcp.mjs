// The program under test, and an MCP server behind it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
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

/** `mcp --mode full` with these settings, on ports of the kernel's choice. */
export async function startMcp(settings) {
  const binary = process.env.MCP_BINARY;
  if (!binary) throw new Error("MCP_BINARY names no program");
  const folder = await mkdtemp(join(tmpdir(), "mcp-identity-"));
  const child = spawn(binary, ["--mode", "full"], {
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
