"""Other people's gateways with the documented settings: run.py [nginx] [haproxy] [envoy] [caddy]

Starts a registry, an auth server that follows it, the gateways and a recording server behind them, and sends the table
through each: no wrong verdict, the caller's identity exactly once and nothing of the client's own.
"""

from __future__ import annotations

import pathlib
import re
import socket
import sys
import tempfile

import fronts
import table
from recorder import Recorder, Seen

import harness  # found by fronts

POLICY = {
    "scopes": {
        "everything": {"servers": [{"servers": ["*"], "methods": ["*"], "tools": ["*"]}]},
        "reader": {"servers": [{"servers": ["currenttime"], "methods": ["initialize", "tools/list", "tools/call"], "tools": ["read"]}]},
        "nothing": {"servers": []},
    },
}
SCOPES = {"full": "everything", "part": "reader", "none": "nothing"}
IDENTITY = ("x-user", "x-username", "x-scopes", "x-auth-method", "x-server-name")
ENDS_HERE = (
    "authorization", "x-authorization", "cookie", "x-body", "x-original-url", "x-original-uri", "x-original-method",
    "x-forwarded-uri", "x-forwarded-method", "x-forwarded-prefix", "x-gateway-authorization", "x-mcp-identity", "x-rewrite-url",
    "upgrade",
)


class Scene:
    """Registry, auth server and recorders; `credentials` by whether bodies are sent, `tokens` by user."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.private, self.public = Recorder(), Recorder()
        self.running: list = [self.private, self.public]
        data = folder / "registry" / "data"
        registry = self._run("registry", ["--mode", "registry"], {
            "DATA_DIR": str(data), "SERVERS_DIR": str(folder / "none"), "OPS_BIND": harness.ANY_PORT, "REGISTRY_BIND": harness.ANY_PORT})
        self.registry = registry.listeners(data)["registry"]
        api = harness.Api(f"http://{self.registry}", (data / "admin-password").read_text().strip(), None)
        for name, recorder, public in (("currenttime", self.private, False), ("fininfo", self.public, True)):
            api.call("POST", "/api/servers", {
                "server_name": name, "path": f"/{name}", "proxy_pass_url": f"http://127.0.0.1:{recorder.port}/mcp", "public": public})
        api.call("PUT", "/api/policy", POLICY)
        generate = lambda scope: api.call("POST", "/api/tokens/generate", {"requested_scopes": [scope]})["tokens"]["access_token"]
        self.tokens = {user: generate(scope) for user, scope in SCOPES.items()} | {"wrong": "wrong"}
        self.credentials = {
            sends: api.call("POST", "/api/gateways", {"name": f"sends-{sends}", "sends_body": sends})["credential"] for sends in (True, False)}
        data = folder / "auth-server" / "data"
        auth_server = self._run("auth-server", ["auth-server"], {
            "DATA_DIR": str(data), "REGISTRY_API_URL": f"http://{self.registry}/api/servers", "OPS_BIND": harness.ANY_PORT,
            "REGISTRY_API_TOKEN_FILE": str(folder / "registry" / "data" / "gateway-token"), "AUTH_BIND": harness.ANY_PORT})
        self.auth_server = auth_server.listeners(data)["auth"]
        # What follows must not need the registry.
        self._registry = registry

    def stop_registry(self) -> None:
        self._registry.stop()
        self.running.remove(self._registry)

    def front(self, kind: str, auth: str) -> fronts.Front:
        sends_body = kind in ("haproxy", "envoy")
        front = fronts.Front(kind, self.folder / f"{kind}-{auth.rsplit(':', 1)[1]}", {
            "mcpg_YOUR_CREDENTIAL": self.credentials[sends_body], "127.0.0.1:8888": auth,
            "127.0.0.1:8000": f"127.0.0.1:{self.private.port}", "127.0.0.1:8001": f"127.0.0.1:{self.public.port}"})
        self.running.append(front)
        return front

    def _run(self, name: str, args: list[str], env: dict[str, str]) -> harness.Process:
        process = harness.Process(name, self.folder / name, args, env)
        self.running.append(process)
        return process

    def stop(self) -> None:
        for one in reversed(self.running):
            one.stop()


def send(port: int, number: str, request: table.Request, tokens: dict[str, str]) -> tuple[int, str]:
    """Status and head of the answer; 0 where there is none."""
    lines = [f"{request.method} {request.target} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"X-Test: {number}"]
    if request.user:
        lines.append(f"Authorization: Bearer {tokens[request.user]}")
    lines += [f"{name}: {value.format(**tokens) if value.startswith('Bearer {') else value}" for name, value in request.headers]
    body = request.body
    if request.chunked:
        lines.append("Transfer-Encoding: chunked")
        half = len(body) // 2
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:])) + b"0\r\n\r\n"
    elif body or request.method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    if not any(name == "Connection" for name, _ in request.headers):
        lines.append("Connection: close")
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.settimeout(20)
        client.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answer = b""
        try:
            while b"\r\n\r\n" not in answer and (more := client.recv(65536)):
                answer += more
        except ConnectionResetError:
            pass
    head = answer.partition(b"\r\n\r\n")[0].decode(errors="replace")
    found = re.match(r"HTTP/1\.[01] (\d{3})", head)
    return int(found.group(1)) if found else 0, head


def wrong(request: table.Request, status: int, head: str, private: Seen | None, public: Seen | None) -> str | None:
    """What is wrong with what became of a request."""
    seen = private or public
    if request.status and status != request.status:
        return f"answered {status}, not {request.status}"
    if request.verdict == table.REFUSE and (seen or status == 200):
        return f"passed: {seen.method} {seen.target}" if seen else "answered 200"
    if request.verdict == table.NEVER_PRIVATE and private:
        return f"reached the private server: {private.method} {private.target}"
    if request.verdict == table.PASS and not seen:
        return f"refused with {status}"
    if status == 401 and "www-authenticate: bearer" not in head.lower():
        return "401 without WWW-Authenticate"
    if seen and not request.chunked and seen.body != request.body:
        return f"another body came: {seen.body!r}"
    if seen and seen.method != request.method:
        return f"another method came: {seen.method}"
    return wrong_identity(request, seen, bool(private)) if seen else None


def wrong_identity(request: table.Request, seen: Seen, private: bool) -> str | None:
    for name in ENDS_HERE:
        if seen.all(name):
            return f"{name} came through: {seen.all(name)}"
    forged = [(name, value) for name, value in seen.headers if "forged" in value.lower() and name.lower() != "host"]
    if forged:
        return f"the client's own came through: {forged}"
    scope = next((SCOPES[user] for user in ("full", "part") if user == request.user), "everything")
    expected = {"x-user": "admin", "x-username": "admin", "x-scopes": scope, "x-auth-method": "token", "x-server-name": "currenttime"}
    for name in IDENTITY:
        values = seen.all(name)
        if private and values != [expected[name]]:
            return f"{name} is {values}, not {expected[name]!r} once"
        if not private and any(values):
            return f"{name} is {values} at a public server"
    if any("{" in value for name in (*IDENTITY, "x-client-id", "x-tool-name") for value in seen.all(name)):
        return "a placeholder came through"
    if len(seen.all("x-tool-name")) > 1 or len(seen.all("x-client-id")) > 1:
        return "a name stands there twice"
    return None


def run(scene: Scene, front: fronts.Front, name: str) -> tuple[int, int]:
    good = bad = 0
    for index, request in enumerate(table.requests(front.sends_body)):
        number = f"{name}-{index}"
        status, head = send(front.port, number, request, scene.tokens)
        problem = wrong(request, status, head, scene.private.seen(number), scene.public.seen(number))
        if problem:
            bad += 1
            print(f"FAIL  {name}: {request.name}: {problem}", flush=True)
        else:
            good += 1
    print(f"{'ok   ' if not bad else 'FAIL '} {name}: {good} verdicts right, {bad} wrong", flush=True)
    if bad:
        print(front.child.tail(), file=sys.stderr)
    return good, bad


def wrong_credential(scene: Scene, kind: str) -> tuple[int, int]:
    """A gateway without a credential that counts lets nothing pass."""
    kept = dict(scene.credentials)
    bad = 0
    for number, text in enumerate(("nothing", f"mcpg_{'0' * 16}_{'0' * 64}_{'0' * 8}", kept[True].upper())):
        scene.credentials = {True: text, False: text}
        scene.folder = scene.folder / f"wrong-{kind}-{number}"
        scene.folder.mkdir()
        front = scene.front(kind, scene.auth_server)
        scene.folder = scene.folder.parent
        for request in table.good(front.sends_body):
            ident = f"wrong-{kind}-{number}-{request.name}"
            status, _ = send(front.port, ident, request, scene.tokens)
            if status == 200 or scene.private.seen(ident) or scene.public.seen(ident):
                bad += 1
                print(f"FAIL  {kind} with credential {text!r}: {request.name} passed")
    scene.credentials = kept
    print(f"{'ok   ' if not bad else 'FAIL '} {kind}: nothing passes with a wrong credential", flush=True)
    return 1 if not bad else 0, bad


def main(kinds: list[str]) -> int:
    kinds = kinds or list(fronts.KINDS)
    good = bad = 0
    with tempfile.TemporaryDirectory(prefix="mcp-proxies-") as folder:
        scene = Scene(pathlib.Path(folder))
        try:
            for kind in kinds:
                results = [run(scene, scene.front(kind, scene.registry), f"{kind}, registry")]
                results.append(wrong_credential(scene, kind))
                good, bad = good + sum(one for one, _ in results), bad + sum(one for _, one in results)
            scene.stop_registry()
            for kind in kinds:
                more_good, more_bad = run(scene, scene.front(kind, scene.auth_server), f"{kind}, auth server, registry stopped")
                good, bad = good + more_good, bad + more_bad
        finally:
            scene.stop()
    print(f"{good} passed, {bad} failed")
    return 1 if bad or not good else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
