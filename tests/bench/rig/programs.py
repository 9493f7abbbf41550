"""Starts what is measured and what measures, on cores of their own, and ends just that.

Promises: a proxy runs on the last core, everything else on the first; ports are free ones of the
kernel's choice; nothing outlives `Programs`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from rig import message, proc

CORES = sorted(os.sched_getaffinity(0))
LOAD, PROXY = (str(CORES[0]), str(CORES[-1])) if len(CORES) > 1 else (None, None)
START_SECONDS, STOP_SECONDS, ATTEMPTS = 30.0, 5.0, 3
PROBE = "/fininfo/mcp"


@dataclasses.dataclass
class Recipe:
    """How a proxy is started at given ports."""

    name: str
    argv: list[str]
    http: str
    https: str
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    stop: int = signal.SIGTERM
    # Adds a route by this name to the running proxy of this process id.
    add_route: Callable[[str, int], None] | None = None


@dataclasses.dataclass
class Peer:
    """A proxy that answers."""

    name: str
    pid: int
    http: str
    https: str
    started: float
    recipe: Recipe


class Programs:
    """Start reading at `peer`."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.running: list[tuple[subprocess.Popen, int]] = []

    def __enter__(self) -> Programs:
        return self

    def __exit__(self, *exc) -> None:
        for child, stop in reversed(self.running):
            _end(child, stop)

    def peer(self, make: Callable[[str, str], Recipe], core: str | None = PROXY) -> Peer:
        """Starts a proxy and waits for its first answer; takes other ports when these were taken meanwhile."""
        for attempt in range(ATTEMPTS):
            recipe = make(free_address(), free_address())
            log = self.folder / f"{recipe.name}.log"
            since = time.monotonic()
            child = self.start(recipe.argv, core, recipe.env, log.open("wb"), recipe.stop)
            while time.monotonic() - since < START_SECONDS and child.poll() is None:
                if serves(recipe.http, PROBE):
                    return Peer(recipe.name, child.pid, recipe.http, recipe.https, time.monotonic() - since, recipe)
                time.sleep(0.001)
            _end(child, recipe.stop)
        raise RuntimeError(f"{recipe.name} does not answer; the end of its log:\n{log.read_text(errors='replace')[-3000:]}")

    def start(self, argv: list[str], core: str | None = LOAD, env: dict[str, str] | None = None, log=subprocess.DEVNULL, stop: int = signal.SIGTERM) -> subprocess.Popen:
        clean = {"PATH": os.environ["PATH"] + ":/usr/sbin", "HOME": str(self.folder), "NO_PROXY": "*"}
        child = subprocess.Popen(
            pinned(core, argv), env=clean | (env or {}), cwd=self.folder, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if log is subprocess.DEVNULL else log, stderr=log, text=True,
        )
        self.running.append((child, stop))
        return child

    def end(self, peer: Peer) -> None:
        for one in [one for one in self.running if one[0].pid == peer.pid]:
            _end(*one)
            self.running.remove(one)


def end_on_signal() -> None:
    """A signal that ends this process ends what it started first."""
    for one in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(one, lambda number, _: sys.exit(128 + number))


def pinned(core: str | None, argv: list[str]) -> list[str]:
    return ["taskset", "-c", core, *argv] if core else argv


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return "127.0.0.1:%d" % free.getsockname()[1]


def serves(address: str, path: str, headers: dict[str, str] | None = None) -> bool:
    """Whether a tool call on a fresh connection is answered 200."""
    host, port = address.rsplit(":", 1)
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 2) as caller:
        caller.sendall(message.request(path, address, {"Connection": "close"} | (headers or {})))
        return caller.recv(4096)[9:12] == b"200"
    return False


def missing(*commands: str) -> list[str]:
    return [one for one in commands if shutil.which(one, path=os.environ["PATH"] + ":/usr/sbin") is None]


def _end(child: subprocess.Popen, stop: int) -> None:
    if child.poll() is None:
        descendants = proc.tree(child.pid)
        child.send_signal(stop)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in descendants:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            child.wait()
    if child.stdout:
        child.stdout.close()
