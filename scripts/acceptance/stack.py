"""Processes under measurement, and the ways to talk to them.

Promises: everything listens at ports of the kernel's choice on loopback and is gone when `Stack`
ends. Start reading at `Stack`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import pathlib
import shutil
import socket
import tempfile
import threading

import harness

PASSWORD = "correct-horse-battery-staple"
GATEWAY_TOKEN = "gateway-token-of-at-least-128-bit"
PATH = "/currenttime"
MODERN = "2026-07-28"
TOOL = "current_time_by_timezone"
BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
    "name": TOOL, "arguments": {"tz_name": "Asia/Tokyo"},
    "_meta": {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}},
}}).encode()
HEADERS = {
    "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": TOOL,
}
QUIET = {"LOG_LEVEL": "warning", "MCP__GATEWAY__ACCESS_LOG": "false", "MCP__AUDIT__ACCESS": "off"}


class Stack:
    """Processes in one temporary folder; stopped at the end of the `with` block."""

    def __enter__(self) -> Stack:
        self._folder = tempfile.TemporaryDirectory(prefix="mcp-acceptance-")
        self.folder = pathlib.Path(self._folder.name)
        self._stack = contextlib.ExitStack()
        self._names = 0
        return self

    def __exit__(self, *exc) -> None:
        self._stack.close()
        self._folder.cleanup()

    def run(self, name: str, args: list[str], env: dict[str, str] | None = None, command: list[str] | None = None) -> harness.Process:
        self._names += 1
        process = harness.Process(name, self.folder / f"{name}-{self._names}", args, QUIET | (env or {}), command)
        self._stack.callback(process.stop)
        return process

    def example(self) -> str:
        """The URL of a running example server."""
        process = self.run("currenttime", ["server", "currenttime", "--port", "0"])
        return process.line_matching(r"listening on (http://\S+)").group(1)

    def start(self, mode: str, data: pathlib.Path, env: dict[str, str] | None = None, command: list[str] | None = None) -> tuple[harness.Process, dict[str, str]]:
        """A mode, ready, and where it listens."""
        (data / "run" / "listeners.json").unlink(missing_ok=True)
        process = self.run(mode, ["--mode", mode], self.settings(data) | (env or {}), command)
        return process, process.listeners(data)

    def settings(self, data: pathlib.Path) -> dict[str, str]:
        return {
            "DATA_DIR": str(data), "ADMIN_PASSWORD": PASSWORD, "REGISTRY_API_TOKEN": GATEWAY_TOKEN,
            "REGISTRY_BIND": "127.0.0.1:0", "GATEWAY_HTTP_BIND": "127.0.0.1:0",
            "GATEWAY_HTTPS_BIND": "127.0.0.1:0", "OPS_BIND": "127.0.0.1:0",
        }

    def copy(self, data: pathlib.Path, name: str) -> pathlib.Path:
        """A copy of a data folder whose process has ended."""
        target = self.folder / name
        shutil.copytree(data, target, ignore=shutil.ignore_patterns("run", "*.lock"))
        return target


class Pair:
    """Registry and gateway apart, with `Switch` in between, and a public example server."""

    def __init__(self, stack: Stack, gateway_env: dict[str, str] | None = None):
        self.stack = stack
        self.upstream = stack.example()
        self.registry_data, self.gateway_data = stack.folder / "registry-data", stack.folder / "gateway-data"
        self.registry, at = stack.start("registry", self.registry_data)
        self.registry_at = at["registry"]
        self.switch = Switch()
        stack._stack.callback(self.switch.close)
        self.switch.turn(to=self.registry_at)
        self.admin = Admin(self.registry_at)
        self.admin.add(definition(PATH, self.upstream))
        self.gateway_env = {"REGISTRY_API_URL": self.switch.url, "POLL_INTERVAL": "1"} | (gateway_env or {})
        self.gateway, self.front = stack.start("gateway", self.gateway_data, self.gateway_env)
        self.http = self.front["gateway_http"]


def full(stack: Stack, env: dict[str, str] | None = None) -> tuple[harness.Process, dict[str, str], Admin, str]:
    """Everything in one process: process, listeners, administrator, URL of the example server."""
    upstream = stack.example()
    process, at = stack.start("full", stack.folder / "full-data", env)
    admin = Admin(at["gateway_http"])
    admin.add(definition(PATH, upstream))
    return process, at, admin, upstream


def definition(path: str, upstream: str) -> dict:
    return {"server_name": path.strip("/"), "path": path, "proxy_pass_url": f"{upstream.rstrip('/')}/", "public": True}


class Admin:
    """The API on one kept connection, as the administrator."""

    def __init__(self, address: str, token: str | None = None):
        self.address = address
        self.connection = http.client.HTTPConnection(address, timeout=20)
        self.token = token or harness.Api(f"http://{address}", PASSWORD, None).token

    def call(self, method: str, target: str, body: object = None) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self.connection.request(method, target, None if body is None else json.dumps(body), headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def ok(self, method: str, target: str, body: object = None) -> bytes:
        status, text = self.call(method, target, body)
        if not 200 <= status < 300:
            raise AssertionError(f"{method} {target}: {status} {text[:300]!r}")
        return text

    def add(self, body: dict) -> None:
        self.ok("POST", "/api/servers", body)

    def enable(self, path: str, enabled: bool) -> None:
        self.ok("PATCH", f"/api/servers{path}", {"enabled": enabled})


class Caller:
    """Tool calls on one kept connection."""

    def __init__(self, address: str):
        self.connection = http.client.HTTPConnection(address, timeout=20)

    def status(self, path: str) -> int:
        self.connection.request("POST", f"{path}/mcp", BODY, HEADERS)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


def revision(registry: str) -> int:
    """The revision that a gateway is told."""
    connection = http.client.HTTPConnection(registry, timeout=20)
    connection.request("GET", "/api/gateway/watch", headers={"Authorization": f"Bearer {GATEWAY_TOKEN}", "Accept-Encoding": "identity"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise AssertionError(f"the watch answered {answer.status}")
    first = json.loads(answer.readline())
    connection.close()
    found = first.get("revision") or next((value["revision"] for value in first.values() if isinstance(value, dict) and "revision" in value), 0)
    return int(found)


class Switch:
    """Stands at the registry's address and behaves as told; each turn cuts the connections of before."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d/api/servers" % self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.to, self.says, self.open, self.accepted = None, None, [], 0
        threading.Thread(target=self._accept, daemon=True).start()

    def turn(self, to: str | None = None, says: bytes | None = None) -> None:
        """To a registry, to an answer for everything, or to closing at once."""
        with self.lock:
            self.to, self.says, self.accepted = to, says, 0
            open_sockets, self.open = self.open, []
        for one in open_sockets:
            _cut(one)

    def close(self) -> None:
        self.turn()
        self.listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self.listener.accept()
                with self.lock:
                    self.accepted += 1
                    self.open.append(here)
                    to, says = self.to, self.says
                threading.Thread(target=self._serve, args=(here, to, says), daemon=True).start()

    def _serve(self, here: socket.socket, to: str | None, says: bytes | None) -> None:
        with contextlib.suppress(OSError):
            if to is not None:
                host, port = to.rsplit(":", 1)
                there = socket.create_connection((host, int(port)))
                with self.lock:
                    self.open.append(there)
                threading.Thread(target=_pump, args=(there, here), daemon=True).start()
                _pump(here, there)
            elif says is not None:
                here.recv(65536)
                here.sendall(says)
        _cut(here)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    _cut(sink)


def _cut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
