"""The MCP servers of the interop matrix: how each is started, what is asked of it, and what must come out.

Promises: every server listens on a loopback port that the kernel chose and ends with the `with` block. Must not: know
who will call it. Start reading at `SERVERS`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib

from child import Child
from harness import ROOT, binary, target

CLIENTS = ROOT / "tests" / "clients"
NODE = CLIENTS / "node" / "node_modules" / ".bin" / "node"
MODERN, LEGACY = "2026-07-28", "2025-11-25"


def python(environment: str) -> str:
    """The interpreter of one pinned set of packages."""
    return str(ROOT / ".cache" / f"venv-{environment}" / "bin" / "python")


def example(name: str) -> pathlib.Path:
    """One of the programs in tests/peers, which run.sh builds."""
    return target() / "debug" / "examples" / name


@dataclasses.dataclass(frozen=True)
class Server:
    """One server. `plan` is what a client does with it (drivers/driver.py), `said` a part of what its tool answers."""

    name: str
    command: tuple[str, ...]
    plan: dict
    said: str
    # A part of what the calls in `asking` answer, when the client's model was really asked.
    asked: str = "An answer"
    newest: str = MODERN
    path: str = "/mcp"
    env: tuple[tuple[str, str], ...] = ()
    # Whether log lines come with the call that causes them. Otherwise they come when they like and are not compared.
    logs: bool = True
    # Parts of its answers that differ from call to call, as patterns.
    varies: tuple[str, ...] = ()

    @property
    def sse(self) -> bool:
        """Whether it speaks the HTTP+SSE transport of 2024-11-05."""
        return self.path.endswith("/sse")


@dataclasses.dataclass(frozen=True)
class Running:
    """A started server and the URL that a client without a gateway uses."""

    server: Server
    url: str
    process: Child

    def definition(self) -> dict:
        """What the registry is told about it. A root and a full URL must both do, so both occur."""
        root = self.url.removesuffix(self.server.path) + "/"
        url = root if self.server.name in ("currenttime", "fininfo", "everything-sse") else self.url
        return {"proxy_pass_url": url, "supported_transports": ["sse" if self.server.sse else "streamable-http"]}


def call(name: str, /, **arguments: object) -> dict:
    return {"name": name, "arguments": arguments}


def _ours(name: str, plan: dict, said: str, **more) -> Server:
    return Server(name, (str(binary()), "server", name, "--port", "0"), plan, said, **more)


# What servers/serve.py declares. The key of the waiting call is filled in for every job.
DECLARED = {
    "call": call("add", a=40, b=2), "wrong": [call("no_such_tool"), call("add", a="x")],
    "progress": call("wait_for_release", key="") | {"release": call("release", key="")},
    "resource": "memo://greeting", "prompt": call("greet", name="Ann"),
}
# Some clients drop progress that comes together with the answer, so the last one does not count where it may.
EVERYTHING = {
    "call": call("echo", message="Zürich"), "wrong": [call("no-such-tool"), call("echo")],
    "asking": [call("trigger-sampling-request", prompt="Why?", maxTokens=9)],
    "progress": call("trigger-long-running-operation", duration=0.3, steps=3) | {"sure": 2},
    "resource": "demo://resource/static/document/architecture.md", "prompt": call("args-prompt", city="Bern"),
}


def everything(name: str, mode: str, path: str) -> Server:
    """The TypeScript reference server, which knows neither a bind address nor port 0 without help."""
    modules = CLIENTS / "node" / "node_modules"
    script = modules / "@modelcontextprotocol" / "server-everything" / "dist" / "index.js"
    command = (str(NODE), "--import", str(CLIENTS / "node" / "loopback.mjs"), str(script), mode)
    return Server(name, command, EVERYTHING, "Echo: Zürich", newest=LEGACY, path=path, logs=False)


def script(name: str, environment: str, file: str, *args: str, **more) -> Server:
    """A server of ours on a Python library."""
    return Server(name, (python(environment), str(CLIENTS / "servers" / file), *args), DECLARED, '"42"', **more)


def servers() -> tuple[Server, ...]:
    """All of them, in the order of the columns of the table that is printed."""
    return (
        _ours("currenttime", {
            "call": call("current_time_by_timezone", tz_name="Asia/Tokyo"),
            "wrong": [call("no_such_tool"), call("current_time_by_timezone", tz_name="Nowhere/Land")],
            "resource": "config://app", "prompt": call("system_prompt_for_agent", location="Boston, MA"),
        }, "JST+0900", varies=(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",)),
        _ours("fininfo", {
            "call": call("get_stock_aggregates", stock_ticker="AAPL", multiplier=1, timespan="day", from_date="2026-01-02", to_date="2026-01-05"),
            "wrong": [call("no_such_tool"), call("get_stock_aggregates", stock_ticker=7)],
        }, "POLYGON_API_KEY"),
        _ours("realserverfaketools", {
            "call": call("quantum_flux_analyzer", energy_level=3, stabilization_factor=0.5, enable_temporal_shift=True),
            "wrong": [call("no_such_tool"), call("quantum_flux_analyzer", energy_level=99)],
        }, "flux_readings"),
        Server("rmcp", (str(example("mcp-peer-server")), "--port", "0"), {
            "call": call("test_multiple_content_types"), "wrong": [call("no_such_tool"), call("test_error_handling")],
            # The revisions up to 2025-11-25 know a request from the server; in the newer one the result asks.
            "asking": [call("test_sampling", prompt="Why?"), call("test_input_required_result_sampling")],
            "progress": call("test_tool_with_progress") | {"sure": 2},
            "resource": "test://static-text", "prompt": call("test_prompt_with_arguments", arg1="one", arg2="zwölf"),
        }, "Multiple content"),
        everything("everything", "streamableHttp", "/mcp"),
        everything("everything-sse", "sse", "/sse"),
        script("python-2", "mcp-2.3.0", "mcp_v2.py"),
        script("python-1", "mcp-1.30.0", "mcp_v1.py", "http", newest=LEGACY),
        script("python-1-sse", "mcp-1.30.0", "mcp_v1.py", "sse", newest=LEGACY, path="/sse"),
        script("fastmcp", "fastmcp-4.1.2", "fastmcp_v4.py"),
    )


@contextlib.contextmanager
def running(folder: pathlib.Path, wanted: tuple[Server, ...]):
    """Starts the servers side by side and yields them by name once all listen."""
    processes: list[Child] = []
    try:
        for server in wanted:
            processes.append(Child(server.name, folder / server.name, list(server.command), {"PYTHONDONTWRITEBYTECODE": "1"} | dict(server.env)))
        found = [process.line_matching(r"listening on (http://127\.0\.0\.1:\d+)").group(1) for process in processes]
        yield {server.name: Running(server, url + server.path, process) for server, url, process in zip(wanted, found, processes)}
    finally:
        for process in processes:
            process.stop()
