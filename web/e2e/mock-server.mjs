/**
 * The web UI without the Rust binary: serves the built application and an API in memory, with the real one's
 * Content-Security-Policy. `npm run mock` after `npm run build`; sign in as admin with the password "secret".
 */
import { randomUUID } from "node:crypto";
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { MockApi, Refusal } from "./mock-api.mjs";
import { SEED } from "./mock-data.mjs";

const DIST = fileURLToPath(new URL("../dist/app", import.meta.url));
const CSP =
  "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** Starts it; port 0 takes a free one. Answers its address, its state and how to stop it. */
export async function startMock({ port = 0, ...options } = {}) {
  const api = new MockApi({ servers: SEED, ...options });
  const server = createServer((request, response) => {
    serve(api, request, response).catch((error) => refuse(response, error));
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return {
    api,
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

async function serve(api, request, response) {
  const url = new URL(request.url, "http://localhost");
  const path = url.pathname;
  response.setHeader("Content-Security-Policy", CSP);
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("X-Request-Id", randomUUID());
  if (path.startsWith("/api/") || path === "/health") {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const answer = await api.handle({
      method: request.method,
      path,
      query: url.searchParams,
      headers: request.headers,
      body: await jsonBody(request),
      signal: gone.signal,
    });
    return send(response, answer.status, answer.body, answer.headers);
  }
  if (path === "/" || path === "/ui") return redirect(response, "/ui/");
  if (path === "/login") return redirect(response, `/ui/login${url.search}`);
  if (path.startsWith("/static/")) return file(response, path.slice("/static".length));
  if (path.startsWith("/ui/")) return file(response, "/index.html");
  throw new Refusal(404, "Not Found", `there is no ${path}`);
}

async function jsonBody(request) {
  if (request.method === "GET" || request.method === "DELETE") return undefined;
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString("utf8");
  if (request.headers["content-type"]?.includes("yaml")) return body;
  try {
    return body === "" ? undefined : JSON.parse(body);
  } catch {
    throw new Refusal(400, "Bad Request", "the body is not JSON");
  }
}

function send(response, status, body, headers = {}) {
  response.writeHead(status, {
    "Cache-Control": "no-store",
    ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    ...headers,
  });
  const isText = headers["Content-Type"]?.includes("yaml");
  response.end(body === undefined || isText ? body : JSON.stringify(body));
}

function refuse(response, error) {
  if (response.headersSent) return response.end();
  const known = error instanceof Refusal;
  const problem = {
    type: known && error.errors ? "/problems/validation" : "about:blank",
    title: known ? error.title : "Internal Server Error",
    status: known ? error.status : 500,
    detail: known ? error.message : "the mock failed",
    instance: response.getHeader("X-Request-Id"),
    ...(known && error.errors ? { errors: error.errors } : {}),
  };
  if (!known) console.error(error);
  response.writeHead(problem.status, {
    "Content-Type": "application/problem+json",
    ...(known ? error.headers : {}),
  });
  response.end(JSON.stringify(problem));
}

const redirect = (response, location) => response.writeHead(303, { Location: location }).end();

function file(response, path) {
  const target = join(DIST, normalize(path));
  if (!target.startsWith(DIST) || !existsSync(target) || !statSync(target).isFile())
    throw new Refusal(404, "Not Found", `there is no file ${path}; run "npm run build" first`);
  const immutable = path.startsWith("/assets/");
  response.writeHead(200, {
    "Content-Type": TYPES[extname(target)] ?? "application/octet-stream",
    "Cache-Control": immutable ? "public, max-age=31536000, immutable" : "no-cache",
  });
  createReadStream(target).pipe(response);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startMock({ port: Number(process.env.PORT ?? 7860) });
  console.log(`Mock registry with the web UI: ${url}/ui/ (admin / secret)`);
}
