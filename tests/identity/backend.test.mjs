// The snippets of docs/backend-identity.md, taken from the page and run on what a gateway sent.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { pathToFileURL } from "node:url";
import { call, PASSWORD, startMcp } from "./mcp.mjs";

const ROOT = join(import.meta.dirname, "..", "..");
const DOCUMENTED = "http://127.0.0.1:8080";

let mcp, server, folder, identity;

before(async () => {
  mcp = await startMcp({});
  const seen = [];
  server = createServer((request, response) => {
    seen.push(request.headers["x-mcp-identity"]);
    response.writeHead(200, { "content-type": "application/json" });
    response.end('{"jsonrpc":"2.0","id":1,"result":{}}');
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const post = (path, token, body) =>
    fetch(`${mcp.base}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...token },
      body: JSON.stringify(body),
    });
  const login = await post("/api/auth/login", {}, { username: "admin", password: PASSWORD });
  const cookie = login.headers.get("set-cookie").split(";")[0];
  const csrf = (await login.json()).csrf_token;
  const made = await post("/api/tokens/generate", { cookie, "x-csrf-token": csrf }, {});
  const token = (await made.json()).tokens.access_token;
  const url = `http://127.0.0.1:${server.address().port}/mcp`;
  const bearer = { authorization: `Bearer ${token}` };
  const definition = { server_name: "Backend", path: "/backend", proxy_pass_url: url };
  assert.equal((await post("/api/servers", bearer, definition)).status, 200);
  assert.equal((await call(mcp.base, "/backend", token)).status, 200);
  [identity] = seen;
  // Beside the packages that the snippet imports.
  folder = await mkdtemp(join(import.meta.dirname, "node_modules", ".snippet-"));
});

after(async () => {
  server?.close();
  await mcp?.stop();
  if (folder) await rm(folder, { recursive: true });
});

async function snippet(language) {
  const page = await readFile(join(ROOT, "docs", "backend-identity.md"), "utf8");
  const code = page.split(`\`\`\`${language}\n`)[1].split("```")[0];
  assert.ok(code.includes(DOCUMENTED));
  return code.replace(DOCUMENTED, mcp.base);
}

/** The same claims said by somebody else: the last letter of the claims is another one. */
function changed(token) {
  const [header, claims, signature] = token.split(".");
  const other = Buffer.from(claims, "base64url").toString().replace('"sub":"admin"', '"sub":"other"');
  return [header, Buffer.from(other).toString("base64url"), signature].join(".");
}

test("every gateway and the registry serve the key that signed", async () => {
  const { kid } = JSON.parse(Buffer.from(identity.split(".")[0], "base64url"));
  const set = await (await fetch(`${mcp.base}/.well-known/jwks.json`)).json();
  assert.ok(set.keys.some((key) => key.kid === kid));
});

test("the TypeScript snippet believes the gateway and nobody else", async () => {
  const ts = createRequire(join(ROOT, "web", "package.json"))("typescript");
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const code = ts.transpileModule(await snippet("ts"), { compilerOptions: options }).outputText;
  const file = join(folder, "snippet.mjs");
  await writeFile(file, code);
  const { caller } = await import(pathToFileURL(file));
  const of = (token) => new Headers({ "x-mcp-identity": token });
  const claims = await caller(of(identity), "/backend");
  assert.equal(claims.sub, "admin");
  assert.ok(claims.exp - claims.iat <= 60);
  await assert.rejects(caller(of(identity), "/another"));
  await assert.rejects(caller(of(changed(identity)), "/backend"));
  await assert.rejects(caller(new Headers(), "/backend"));
});

test("the Python snippet believes the gateway and nobody else", async () => {
  const python = process.env.PYTHON ?? join(ROOT, ".cache", "venv-mcp-2.3.0", "bin", "python");
  const asked = `
import sys
good, changed = sys.argv[1:]
claims = caller({"X-MCP-Identity": good}, "/backend")
assert claims["sub"] == "admin" and claims["exp"] - claims["iat"] <= 60, claims
for token, server in ((good, "/another"), (changed, "/backend"), ("e30.e30.e30", "/backend")):
    try:
        caller({"X-MCP-Identity": token}, server)
    except jwt.PyJWTError:
        continue
    raise SystemExit(f"believed for {server}")
print("sound")
`;
  const file = join(folder, "snippet.py");
  await writeFile(file, (await snippet("python")) + asked);
  const ran = await promisify(execFile)(python, [file, identity, changed(identity)]);
  assert.equal(ran.stdout.trim(), "sound");
});
