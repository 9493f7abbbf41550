#!/usr/bin/env python3
"""Calls a tool again and again: load.py ADDRESS CONNECTIONS COUNT [tls RENEW]

Keeps CONNECTIONS busy until COUNT calls are done (0: until standard input ends), then prints one
line of JSON: calls, failed, why (the first failures), seconds, and quantiles of the latency. A call
fails when it is not answered 200 with the tool's result, in full. With `tls`, a connection is
replaced after RENEW calls, so that handshakes go on. Runs as a process of its own, so that it does
not share Python's lock with what measures. Start reading at `Caller`.
"""

from __future__ import annotations

import asyncio
import json
import pathlib
import ssl
import subprocess
import sys
import time

from figures import quantile
from stack import BODY, HEADERS, PATH

END = b"0\r\n\r\n"
GOOD = b'"isError":false'


class Run:
    """What all connections share."""

    def __init__(self, count: int):
        self.left = count or None
        self.calls = 0
        self.failed = 0
        self.why: list[str] = []
        self.latencies: list[float] = []
        self.stopping = False

    def take(self) -> bool:
        """Whether there is one more call to make."""
        if self.stopping or self.left == 0:
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def fail(self, why: str) -> None:
        self.failed += 1
        if len(self.why) < 10:
            self.why.append(f"{time.strftime('%H:%M:%S')} {why}")


class Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, run: Run, request: bytes, renew: int):
        self.run, self.request, self.renew = run, request, renew
        self.buffer = bytearray()
        self.waiting = False
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.next()

    def next(self) -> None:
        self.renew -= 1
        if self.renew == -1 or not self.run.take():
            self.transport.close()
            return
        self.waiting, self.since = True, time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.complete():
            return
        self.waiting = False
        self.run.calls += 1
        self.run.latencies.append(time.perf_counter() - self.since)
        if not self.buffer.startswith(b"HTTP/1.1 200 ") or GOOD not in self.buffer:
            self.run.fail(bytes(self.buffer[:300]).decode(errors="replace"))
        self.buffer.clear()
        self.next()

    def complete(self) -> bool:
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            return body.endswith(END)
        at = lower.find(b"content-length:")
        return at >= 0 and len(body) >= int(lower[at + 15:].split(b"\r\n", 1)[0])

    def connection_lost(self, error) -> None:
        if self.waiting:
            self.run.calls += 1
            self.run.fail(f"the connection broke: {error!r} after {bytes(self.buffer[:100])!r}")
        if not self.done.done():
            self.done.set_result(None)


async def keep_calling(run: Run, address: str, request: bytes, context: ssl.SSLContext | None, renew: int) -> None:
    host, port = address.rsplit(":", 1)
    loop = asyncio.get_running_loop()
    while not run.stopping and run.left != 0:
        try:
            _, caller = await loop.create_connection(
                lambda: Caller(run, request, renew), host, int(port), ssl=context, server_hostname="localhost" if context else None,
            )
        except (OSError, ssl.SSLError) as error:
            run.calls += 1
            run.fail(f"no connection: {error!r}")
            await asyncio.sleep(0.01)
            continue
        await caller.done


async def main(address: str, connections: int, count: int, tls: bool, renew: int) -> dict:
    run = Run(count)
    context = None
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host = f"localhost:{address.rsplit(':', 1)[1]}" if tls else address
    head = f"POST {PATH}/mcp HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(BODY)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    request = head.encode() + b"\r\n" + BODY
    if not count:
        asyncio.get_running_loop().add_reader(sys.stdin, lambda: setattr(run, "stopping", not sys.stdin.buffer.raw.read(64)))
    began = time.perf_counter()
    await asyncio.gather(*(keep_calling(run, address, request, context, renew) for _ in range(connections)))
    return {
        "calls": run.calls, "failed": run.failed, "why": run.why, "seconds": time.perf_counter() - began,
        "p50": quantile(run.latencies, 0.5), "p99": quantile(run.latencies, 0.99), "longest": max(run.latencies),
    }


class Load:
    """A load in a process of its own."""

    def __init__(self, address: str, connections: int = 12, count: int = 0, tls_renew: int = 0):
        args = [sys.executable, __file__, address, str(connections), str(count), *(["tls", str(tls_renew)] if tls_renew else [])]
        paths = ":".join(str(pathlib.Path(path)) for path in sys.path[:2])
        self.child = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": paths, "PATH": "/usr/bin:/bin"})

    def finish(self) -> dict:
        """Ends a load without a count; waits for one with a count."""
        out, _ = self.child.communicate()
        if self.child.returncode != 0:
            raise RuntimeError(f"the load generator ended with {self.child.returncode}")
        return json.loads(out)

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *exc) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


def said(result: dict) -> str:
    """One load in words."""
    rate = result["calls"] / result["seconds"]
    text = f"{result['failed']} failed of {result['calls']}"
    text += f" ({rate:.0f}/s, median {result['p50'] * 1e3:.1f} ms, p99 {result['p99'] * 1e3:.1f} ms)"
    return text + "".join(f"\n        {why!r}" for why in result["why"][:3])


if __name__ == "__main__":
    tls = len(sys.argv) > 4
    outcome = main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), tls, int(sys.argv[5]) if tls else -1)
    print(json.dumps(asyncio.run(outcome)))
