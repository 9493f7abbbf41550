"""Starts the built `mcp` binary for tests, with nothing but the standard library.

Promises: every process listens on ports the kernel chose, keeps its data in a folder of its own
below one temporary folder, and is gone when the `with` block ends. Must not: assert anything.
Start reading at `Stack`.
"""

from __future__ import annotations

import contextlib
import http.cookiejar
import json
import os
import pathlib
import ssl
import sys
import tempfile
import time
import urllib.error
import urllib.request

from child import READY_SECONDS, Child, StartError

ROOT = pathlib.Path(__file__).resolve().parents[2]
ANY_PORT = "127.0.0.1:0"


def target() -> pathlib.Path:
    """Where cargo puts what it builds."""
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def binary() -> pathlib.Path:
    """The binary under test: `MCP_BIN`, else the debug build."""
    path = pathlib.Path(os.environ.get("MCP_BIN", target() / "debug" / "mcp"))
    if not path.is_file():
        raise StartError(f"{path} is not there: build it first (cargo build), or name another one in MCP_BIN")
    return path


class Process(Child):
    """One running `mcp` process."""

    def __init__(self, name: str, folder: pathlib.Path, args: list[str], env: dict[str, str], command: list[str] | None = None):
        """`command` goes before `args`: another binary, or one wrapped in a tool that ends up as the same process."""
        super().__init__(name, folder, [*(command or [str(binary())]), *args], {"LOG_FORMAT": "text"} | env)

    def listeners(self, data_dir: pathlib.Path) -> dict[str, str]:
        """The addresses it bound, once it answers ready on its operations listener."""
        path = data_dir / "run" / "listeners.json"
        deadline = time.monotonic() + READY_SECONDS
        why = f"{path} was not written"
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise StartError(f"{self.name} ended with status {self.child.returncode} before it was ready\n{self.tail()}")
            with contextlib.suppress(OSError, ValueError):
                found = json.loads(path.read_text())
                status, body = plain_get(f"http://{found['ops']}/ready")
                if status == 200:
                    return found
                why = f"/ready answered {status}: {body[:300]}"
            time.sleep(0.05)
        raise StartError(f"{self.name} was not ready within {READY_SECONDS} s: {why}\n{self.tail()}")


def plain_get(url: str, headers: dict[str, str] | None = None, context: ssl.SSLContext | None = None) -> tuple[int, str]:
    """GET without redirects or proxies: status and body."""
    return _send(urllib.request.Request(url, headers=headers or {}), context)


def _send(request: urllib.request.Request, context: ssl.SSLContext | None, jar: http.cookiejar.CookieJar | None = None) -> tuple[int, str]:
    handlers: list = [urllib.request.ProxyHandler({}), _NoRedirect()]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    if jar is not None:
        handlers.append(urllib.request.HTTPCookieProcessor(jar))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode(errors="replace")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args, **_kwargs):
        return None


class Api:
    """The registry's API as the local admin, through whatever front door `base` names."""

    def __init__(self, base: str, password: str, ca: pathlib.Path | None):
        self.base = base
        self.context = ssl.create_default_context(cafile=str(ca)) if ca else None
        self.jar = http.cookiejar.CookieJar()
        me = self.call("POST", "/api/auth/login", {"username": "admin", "password": password})
        self.csrf = me["csrf_token"]
        self.token = self.call("POST", "/api/tokens/generate", {"description": "client tests"})["tokens"]["access_token"]

    def call(self, method: str, path: str, body: object = None) -> object:
        """One call; anything but a 2xx is an error that shows the answer."""
        status, text = self.status(method, path, body)
        if not 200 <= status < 300:
            raise AssertionError(f"{method} {path} answered {status}: {text[:500]}")
        return json.loads(text) if text else None

    def status(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """One call: status and text."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if getattr(self, "token", None):
            headers["Authorization"] = f"Bearer {self.token}"
        elif getattr(self, "csrf", None):
            headers["X-CSRF-Token"] = self.csrf
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, headers=headers, method=method)
        return _send(request, self.context, None if "Authorization" in headers else self.jar)


class Stack:
    """A deployment under test: example servers and `mcp` in one or two processes.

    `upstreams` are servers that run already (path's name -> definition); they are imported like the examples.
    Inside `with`: `url` (HTTPS front door), `ca`, `password`, `api`, `examples` (name -> base URL).
    """

    def __init__(self, shape: str, examples: tuple[str, ...] = ("currenttime",), upstreams: dict[str, dict] | None = None):
        if shape not in ("full", "split"):
            raise ValueError(f"shape is full or split, not {shape!r}")
        self.shape = shape
        self.example_names = examples
        self.upstreams = upstreams or {}
        self.processes: list[Process] = []

    def __enter__(self) -> Stack:
        self._folder = tempfile.TemporaryDirectory(prefix=f"mcp-{self.shape}-")
        self.folder = pathlib.Path(self._folder.name)
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc) -> None:
        for process in reversed(self.processes):
            process.stop()
        self._folder.cleanup()

    def show_logs(self) -> None:
        """Prints the end of every process's output, for a failed run."""
        for process in self.processes:
            print(process.tail(), file=sys.stderr)

    def _start(self) -> None:
        servers = self.folder / "servers"
        servers.mkdir()
        self.examples = {name: self._start_example(name, servers) for name in self.example_names}
        for name, definition in self.upstreams.items():
            (servers / f"{name}.json").write_text(json.dumps({"server_name": name, "path": f"/{name}"} | definition))
        if self.shape == "full":
            self._start_full(servers)
        else:
            self._start_split(servers)
        self.url = f"https://localhost:{self.listening['gateway_https'].rsplit(':', 1)[1]}"
        self.http_url = f"http://localhost:{self.listening['gateway_http'].rsplit(':', 1)[1]}"
        self.api = Api(self.url, self.password, self.ca)

    def _run(self, name: str, args: list[str], env: dict[str, str]) -> Process:
        process = Process(name, self.folder / name, args, env)
        self.processes.append(process)
        return process

    def _start_example(self, name: str, servers: pathlib.Path) -> str:
        process = self._run(name, ["server", name, "--port", "0"], {})
        url = process.line_matching(r"listening on (http://\S+?)/?\s*$").group(1)
        definition = json.loads((ROOT / "docker" / "servers" / f"{name}.json").read_text())
        definition["proxy_pass_url"] = f"{url}/"
        (servers / f"{name}.json").write_text(json.dumps(definition))
        return url

    def _start_full(self, servers: pathlib.Path) -> None:
        data = self.folder / "full" / "data"
        process = self._run("full", ["--mode", "full"], {
            "DATA_DIR": str(data), "SERVERS_DIR": str(servers), "SSL_DEV": "true", "OPS_BIND": ANY_PORT,
            "REGISTRY_BIND": ANY_PORT, "GATEWAY_HTTP_BIND": ANY_PORT, "GATEWAY_HTTPS_BIND": ANY_PORT,
        })
        self.listening = process.listeners(data)
        self._read_secrets(data, data)

    def _start_split(self, servers: pathlib.Path) -> None:
        registry_data, gateway_data = self.folder / "registry" / "data", self.folder / "gateway" / "data"
        registry = self._run("registry", ["--mode", "registry"], {
            "DATA_DIR": str(registry_data), "SERVERS_DIR": str(servers), "OPS_BIND": ANY_PORT, "REGISTRY_BIND": ANY_PORT,
        })
        address = registry.listeners(registry_data)["registry"]
        gateway = self._run("gateway", ["--mode", "gateway"], {
            "DATA_DIR": str(gateway_data), "REGISTRY_API_URL": f"http://{address}/api/servers",
            "REGISTRY_API_TOKEN_FILE": str(registry_data / "gateway-token"), "SSL_DEV": "true",
            "OPS_BIND": ANY_PORT, "GATEWAY_HTTP_BIND": ANY_PORT, "GATEWAY_HTTPS_BIND": ANY_PORT,
        })
        self.listening = gateway.listeners(gateway_data)
        self._read_secrets(registry_data, gateway_data)

    def _read_secrets(self, control: pathlib.Path, front: pathlib.Path) -> None:
        self.password = (control / "admin-password").read_text().strip()
        self.ca = front / "ssl" / "dev" / "ca.pem"
