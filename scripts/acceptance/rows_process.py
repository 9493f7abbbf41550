"""Row 7: how soon a gateway answers, and what it takes when idle.

With a gateway-only build (`--gateway-binary`) it is that one which is measured, and its size too.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import statistics
import subprocess
import time

import harness
from figures import Figures, spread
from stack import QUIET, Pair, Stack

IDLE_SECONDS = 2.0


def run(figures: Figures) -> None:
    alone = os.environ.get("MCP_GATEWAY_BIN")
    binary = pathlib.Path(alone) if alone else harness.binary()
    if alone:
        size = binary.stat().st_size / 1e6
        figures.add("7", "gateway-only binary: size", f"{size:.1f} MB", "15 MB", size <= 15)
    with Stack() as stack:
        pair = Pair(stack)
        pair.gateway.stop()
        env = stack.settings(pair.gateway_data) | pair.gateway_env | QUIET | {"PATH": "/usr/bin:/bin", "HOME": str(stack.folder)}
        times, resident, anonymous = [], [], []
        for index in range(figures.count(20, 3)):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            since = time.perf_counter()
            child = subprocess.Popen(
                [str(binary), "--mode", "gateway"], env=env | {"GATEWAY_HTTP_BIND": f"127.0.0.1:{port}"},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            try:
                first_answer(port, since)
                times.append(time.perf_counter() - since)
                if index < 3:
                    time.sleep(IDLE_SECONDS)
                    whole, own = memory(child.pid)
                    resident.append(whole)
                    anonymous.append(own)
            finally:
                child.terminate()
                child.wait()
    holds = statistics.median(times) <= 0.050
    figures.add("7", "gateway: start to first answer", spread(times), "median 50 ms", holds)
    figures.add("7", f"gateway: idle for {IDLE_SECONDS:.0f} s", f"RSS {statistics.median(resident):.1f} MB, of it {statistics.median(anonymous):.1f} MB not of files", "20 MB", statistics.median(resident) <= 20)


def first_answer(port: int, since: float) -> None:
    while True:
        with contextlib.suppress(ConnectionError):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = client.recv(100)
                if not answer.startswith(b"HTTP/1.1 200"):
                    raise AssertionError(f"the first answer is {answer!r}")
                return
        if time.perf_counter() - since > 10:
            raise AssertionError("no answer within 10 s")


def memory(pid: int) -> tuple[float, float]:
    """Resident memory, and how much of it is no file's (the binary's code is), in MB (2^20)."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    values = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in text.splitlines() if line.endswith(" kB")}
    return values["VmRSS"], values["RssAnon"]
