"""100 MB each way: CPU for a megabyte, and how far memory grows."""

from __future__ import annotations

import subprocess
import time

from rig import proc
from rig.programs import LOAD, Peer, pinned
from rig.report import Table, median, ratio, take_turns
from rig.scene import Scene
from works.run import Run

MEGABYTES, TRANSFERS, LIMIT_SECONDS = 100, 4, 60


def bulk(run: Run) -> Table:
    tables = {}
    with run.scene() as scene:
        blob = scene.folder / "blob"
        blob.write_bytes(b"x" * (MEGABYTES * 1_000_000))
        peers = scene.all()
        for way in ("up", "down"):
            for peer in peers:
                _transfers(scene, peer, way)
            tables[way] = take_turns(run.rounds, peers, lambda peer, way=way: _transfers(scene, peer, way))
    rows = []
    for way, rounds in tables.items():
        for name, found in rounds.items():
            rows.append([
                f"{way}: {name}", f"{median(found, 'cpu_us'):.0f}", f"{ratio(rounds, name, 'nginx', 'cpu_us'):.2f}",
                f"{median(found, 'rate'):,.0f}", f"{max(one['growth'] for one in found):.1f} MB", str(sum(one["failed"] for one in found)),
            ])
    return Table(
        f"{MEGABYTES} MB through a `passthrough` server up, and as an answer down",
        ["", "CPU µs per MB", "CPU to nginx", "MB per second", "memory grows by", "failed"], rows, tables,
        "NGINX has 64 KB buffers here; with its own default it needs about three times that.",
    )


def _transfers(scene: Scene, peer: Peer, way: str) -> dict:
    """Several in a row: CPU time has steps of 10 ms."""
    way_there = ["-T", str(scene.folder / "blob"), "-X", "POST", "-H", "Expect:", f"http://{peer.http}/bulk/sink"]
    argv = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *(way_there if way == "up" else [f"http://{peer.http}/bulk/big"])]
    before, peak, cost, failed, since = proc.memory(peer.pid), 0.0, proc.cpu(peer.pid), 0, time.monotonic()
    for _ in range(TRANSFERS):
        child = subprocess.Popen(pinned(LOAD, argv), stdout=subprocess.PIPE, text=True)
        limit = time.monotonic() + LIMIT_SECONDS
        while child.poll() is None:
            if time.monotonic() > limit:
                child.kill()
            peak = max(peak, proc.memory(peer.pid))
            time.sleep(0.02)
        failed += child.stdout.read() != "200"
        child.stdout.close()
    took, megabytes = time.monotonic() - since, MEGABYTES * TRANSFERS
    return {
        "cpu_us": (proc.cpu(peer.pid) - cost) / megabytes * 1e6, "rate": megabytes / took, "growth": max(0.0, peak - before),
        "failed": failed, "peak": peak,
    }
