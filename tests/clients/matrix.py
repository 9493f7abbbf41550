"""The interop matrix: matrix.py [WORD...] runs the pairs whose name contains one of the words, else all of them.

Every client calls every server directly, then through the gateway over TLS, and must see the same: protocol revision,
tools, results, errors, progress, resources, prompts, end of the session. That product runs once; spellings of the URL,
HTTP/2 and the split deployment run on a diagonal through it. Start reading at `pairs` and `judge`.
"""

from __future__ import annotations

import concurrent.futures
import copy
import dataclasses
import itertools
import pathlib
import sys
import tempfile
import threading
import time

import compare
import harness
from clients import CLIENTS, TAIL_LINES, Client, Driver
from upstreams import Running, Server, running, servers

SHAPES = ("full", "split")
AT_ONCE = 2


@dataclasses.dataclass(frozen=True)
class Path:
    """One way through the gateway: deployment, what follows the server's path in the URL, version of HTTP."""

    shape: str
    form: str
    http2: bool = False

    def __str__(self) -> str:
        return f"{self.shape}, /P{self.form}, {'HTTP/2' if self.http2 else 'HTTP/1.1'}"


FIRST = Path("full", "")
DIAGONAL = (
    Path("full", "/"), Path("full", "/mcp"), Path("full", "", True), Path("full", "/mcp", True),
    Path("split", "/mcp"), Path("split", "/", True),
)


@dataclasses.dataclass(frozen=True)
class Pair:
    client: Client
    server: Server
    paths: tuple[Path, ...]

    @property
    def label(self) -> str:
        return f"{self.client.label} x {self.server.name}"


def pairs(clients: tuple[Client, ...], upstreams: tuple[Server, ...]) -> list[Pair]:
    """The whole product, each pair with the paths that it takes."""
    streaming = [server for server in upstreams if not server.sse]
    legacy = [server for server in upstreams if server.sse]
    found = []
    for row, client in enumerate(clients):
        extra = [path for path in DIAGONAL if client.http2 or not path.http2]
        for column, server in enumerate(streaming):
            paths = [path for at, path in enumerate(extra) if (row + at) % len(streaming) == column]
            found.append(Pair(client, server, (FIRST, *paths)))
        if speaks_sse(client, clients):
            once = dataclasses.replace(client, era="legacy")
            for column, server in enumerate(legacy):
                paths = [Path("full", "/sse")]
                if (row + column) % 2:
                    paths += [Path("split", "/sse", client.http2)]
                found.append(Pair(once, server, tuple(paths)))
    return found


def speaks_sse(client: Client, clients: tuple[Client, ...]) -> bool:
    """HTTP+SSE knows no eras: of the rows of one client, the last speaks it."""
    return client.sse and [other for other in clients if other.name == client.name][-1] == client


class Run:
    """Outcomes of one run, from all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys = itertools.count()
        self.direct: dict[tuple[str, str], dict] = {}
        self.cells: dict[tuple[str, str], str] = {}
        self.passed = self.failed = 0

    def job(self, pair: Pair, url: str, path: Path | None) -> dict:
        """What a client is asked to do; a waiting call gets a key that no other job uses."""
        plan = copy.deepcopy(pair.server.plan)
        if (progress := plan.get("progress")) and (release := progress.get("release")):
            progress["arguments"]["key"] = release["arguments"]["key"] = str(next(self._keys))
        return {
            "url": url, "era": pair.client.era, "transport": "sse" if pair.server.sse else "http",
            "http2": bool(path and path.http2), "token": path is not None, "plan": plan,
        }

    def say(self, label: str, faults: list[str], note: str, *logs: str) -> None:
        with self._lock:
            if faults:
                self.failed += 1
                print("\n".join([f"FAIL  {label}", *faults, *logs]), flush=True)
            else:
                self.passed += 1
                print(f"ok    {label}: {note}", flush=True)


def judge(run: Run, pair: Pair, client: Driver, upstream: Running, stack: harness.Stack) -> None:
    """One pair in one deployment: directly, unless that is known, then along its paths."""
    key = (pair.client.label, pair.server.name)
    if key not in run.direct:
        run.direct[key] = client.do(run.job(pair, upstream.url, None))
    direct = run.direct[key]
    own = compare.direct_faults(direct, pair.server, pair.client.era)
    for path in pair.paths:
        if path.shape != stack.shape:
            continue
        through = client.do(run.job(pair, f"{stack.url}/{pair.server.name}{path.form}", path))
        faults = own or compare.differences(direct, through, pair.server) + compare.path_faults(through, path.http2)
        note = f"{through.get('version')}, {len(through.get('tools', []))} tools"
        logs = [process.tail(TAIL_LINES) for process in (upstream.process, *stack.processes)] if faults else []
        run.say(f"{pair.label} ({path})", faults, note, *logs, client.tail() if faults else "")
        run.cells[key] = "FAILED" if faults or run.cells.get(key) == "FAILED" else str(through.get("version"))


def run_shape(run: Run, shape: str, wanted: list[Pair], upstreams: dict[str, Running], folder: pathlib.Path) -> None:
    """All pairs of one deployment, two clients at a time."""
    todo = [pair for pair in wanted if any(path.shape == shape for path in pair.paths)]
    if not todo:
        return
    definitions = {name: upstream.definition() for name, upstream in upstreams.items()}
    with harness.Stack(shape, (), definitions) as stack:
        env = {"MCP_TEST_TOKEN": stack.api.token, "MCP_TEST_CA": str(stack.ca), "NODE_EXTRA_CA_CERTS": str(stack.ca)}

        def one_client(name: str) -> None:
            mine = [pair for pair in todo if pair.client.name == name]
            first = mine[0].client
            since = time.monotonic()
            client = Driver(name, first.command, folder / shape / name, env)
            try:
                for pair in mine:
                    judge(run, pair, client, upstreams[pair.server.name], stack)
            finally:
                client.stop()
            print(f"      {shape}: {name} took {time.monotonic() - since:.1f} s", flush=True)

        names = list(dict.fromkeys(pair.client.name for pair in todo))
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [pool.submit(one_client, name) for name in names]:
                done.result()


def table(run: Run) -> str:
    """The revisions that were spoken through the gateway, clients down, servers across."""
    columns = [server.name for server in servers() if any(name == server.name for _, name in run.cells)]
    rows = sorted(dict.fromkeys(client for client, _ in run.cells))
    width = max((len(row) for row in rows), default=0)
    lines = [" ".join([" " * width, *(f"{column:>19}" for column in columns)])]
    lines += [" ".join([row.ljust(width), *(f"{run.cells.get((row, column), '-'):>19}" for column in columns)]) for row in rows]
    return "\n".join(lines)


def main(words: list[str]) -> int:
    wanted = [pair for pair in pairs(CLIENTS, servers()) if not words or any(word in pair.label for word in words)]
    named = {pair.server.name for pair in wanted}
    run = Run()
    with tempfile.TemporaryDirectory(prefix="mcp-matrix-") as temporary:
        folder = pathlib.Path(temporary)
        with running(folder / "servers", tuple(server for server in servers() if server.name in named)) as upstreams:
            for shape in SHAPES:
                run_shape(run, shape, wanted, upstreams, folder)
    print(table(run))
    print(f"matrix: {run.passed} passed, {run.failed} failed")
    return 1 if run.failed or not run.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
