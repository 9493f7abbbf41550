"""Event streams that stay open: memory of each, CPU of each event, and how much later it arrives."""

from __future__ import annotations

import os

from rig import proc
from rig.programs import Peer
from rig.report import Table, median, ratio
from rig.scene import Scene
from works.run import Run

PATH, DIRECT = "/stream/mcp", "/sse"
WARM_SECONDS = 3.0


def streams(run: Run) -> Table:
    """A fresh process each time: memory that a proxy keeps for the next streams must not hide."""
    rounds: dict[str, list[dict]] = {}
    for number in range((run.rounds + 1) // 2):
        with run.scene() as scene:
            direct = _one(run, scene, None)
            makers = [scene.nginx, scene.ours, scene.haproxy]
            for make in makers if number % 2 == 0 else reversed(makers):
                peer = make()
                found = _one(run, scene, peer)
                rounds.setdefault(peer.name, []).append(found | {"added_us": found["p50_us"] - direct["p50_us"], "direct_us": direct["p50_us"]})
                scene.programs.end(peer)
    rows = []
    for name in ("nginx", "mcp", "haproxy"):
        found = rounds[name]
        rows.append([
            name, str(min(one["open"] for one in found)), f"{median(found, 'stream_kb'):.1f} KB", f"{median(found, 'event_us'):.1f}",
            f"{ratio(rounds, name, 'nginx', 'event_us'):.2f}", f"{median(found, 'added_us'):.0f} µs",
            f"{ratio(rounds, name, 'nginx', 'added_us'):.2f}", str(sum(one["failed"] for one in found)),
        ])
    return Table(
        f"{run.streams:,} event streams over plain HTTP/1.1, one event a second each",
        ["", "open", "memory per stream", "CPU µs per event", "CPU to nginx", "added delay p50", "to nginx", "failed"], rows, rounds,
        "Memory is the process's own; what the kernel holds for sockets is on top and the same for all.",
    )


def _one(run: Run, scene: Scene, peer: Peer | None) -> dict:
    target = peer or Peer("direct", os.getpid(), scene.server, "", 0, None)
    if peer:
        proc.settle(peer.pid)
    before = proc.memory(target.pid)
    found = run.loads(scene).follow(target, [
        "streams", "--to", target.http, "--path", PATH if peer else DIRECT, "--streams", str(run.streams),
        "--warm", str(WARM_SECONDS), "--seconds", str(max(2.0, run.seconds)),
    ])
    opened = max(found["open"], 1)
    return found | {"stream_kb": (found["memory"] - before) * 1024 / opened, "event_us": found["cpu"] / max(found["count"], 1) * 1e6}
