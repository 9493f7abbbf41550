"""Runs a load against one peer and says what it cost: `wrk`, `h2load`, our own programs.

Promises: CPU time is of the peer's whole process tree over the load; a load that was not answered as it
should counts as failed.
"""

from __future__ import annotations

import json
import math
import pathlib
import re
import subprocess

from rig import message, proc
from rig.programs import LOAD, Peer, pinned

UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 6e7}
PATIENCE_SECONDS = 120


class Loads:
    """The load programs, one load at a time; `core` is where they run."""

    def __init__(self, folder: pathlib.Path, load: pathlib.Path, connections: int = 64, core: str | None = LOAD):
        self.folder, self.load, self.connections, self.core = folder, load, connections, core

    def wrk(self, peer: Peer, path: str, seconds: float, *, tls: bool = False, token: str | None = None) -> dict:
        """Tool calls over HTTP/1.1, each connection one after the other."""
        script = self.folder / "call.lua"
        headers = message.HEADERS | ({"Authorization": f"Bearer {token}"} if token else {})
        if token:
            # A session belongs to its caller; this one is nobody's, and ours would refuse it.
            del headers["Mcp-Session-Id"]
        lines = ['wrk.method = "POST"', *(f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items())]
        script.write_text("\n".join([*lines, f"wrk.body = [==[{message.BODY}]==]\n"]))
        url = f"https://{peer.https}{path}" if tls else f"http://{peer.http}{path}"
        before = proc.spent(peer.pid)
        text = self._output(["wrk", "-t1", f"-c{self.connections}", f"-d{seconds:.0f}s", "--latency", "-s", str(script), url])
        cost = proc.spent(peer.pid) - before
        count = int(_first(r"(\d+) requests in", text))
        failed = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
        for counts in re.findall(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text):
            failed += sum(map(int, counts))
        rate = float(_first(r"Requests/sec:\s+([\d.]+)", text))
        return _result(peer, count, cost, rate, _microseconds(_first(r"(?m)^\s+50%\s+(\S+)", text)), failed)

    def h2load(self, peer: Peer, path: str, seconds: float, streams: int = 8) -> dict:
        """Tool calls over HTTP/2 and TLS, `streams` at once on each connection."""
        body = self.folder / "call.json"
        body.write_text(message.BODY)
        headers = [part for name, value in message.HEADERS.items() for part in ("-H", f"{name.lower()}: {value}")]
        connections = max(1, self.connections // streams)
        before = proc.spent(peer.pid)
        text = self._output([
            "h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds:.0f}", *headers, "-d", str(body), f"https://{peer.https}{path}",
        ])
        cost = proc.spent(peer.pid) - before
        good, *bad = map(int, re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text).groups())
        mean = _microseconds(_first(r"time for request:\s+\S+\s+\S+\s+(\S+)", text))
        return _result(peer, good, cost, good / seconds, mean, sum(bad))

    def handshakes(self, peer: Peer, seconds: float) -> dict:
        found = self.follow(peer, ["handshakes", "--to", peer.https, "--seconds", str(seconds)])
        spent = proc.Spent(found["user"], found["kernel"])
        return _result(peer, found["count"], spent, found["count"] / seconds, found["p50_us"], found["failed"])

    def begin(self, arguments: list[str]) -> subprocess.Popen:
        return subprocess.Popen(pinned(self.core, [str(self.load), *arguments]), stdout=subprocess.PIPE, text=True)

    def follow(self, peer: Peer, arguments: list[str]) -> dict:
        """Our own load program to its end; CPU counts from where its figures begin."""
        child = self.begin(arguments)
        before, opened = proc.spent(peer.pid), None
        try:
            for line in child.stdout:
                if line.startswith("START"):
                    before, opened = proc.spent(peer.pid), proc.memory(peer.pid)
                elif line.startswith("{"):
                    spent = proc.spent(peer.pid) - before
                    return json.loads(line) | {"user": spent.user, "kernel": spent.kernel, "cpu": spent.user + spent.kernel, "memory": opened}
        finally:
            child.stdout.close()
            child.wait(PATIENCE_SECONDS)
        raise RuntimeError(f"the load {arguments[0]} on {peer.name} ended without figures")

    def _output(self, argv: list[str]) -> str:
        done = subprocess.run(pinned(self.core, argv), capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        if done.returncode != 0:
            raise RuntimeError(f"{argv[0]} ended with {done.returncode}: {done.stderr[-1000:]}")
        return done.stdout


def _result(peer: Peer, count: int, cost: proc.Spent, rate: float, middle: float, failed: int) -> dict:
    each = 1e6 / count if count else math.nan
    return {"count": count, "cpu_us": (cost.user + cost.kernel) * each, "user_us": cost.user * each, "rate": rate, "p50_us": middle, "failed": failed, "memory": proc.memory(peer.pid)}


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if not found:
        raise RuntimeError(f"no {pattern!r} in what the load printed:\n{text}")
    return found.group(1)


def _microseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * UNITS[unit]
