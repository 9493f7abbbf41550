"""From the start of a process to its first answer, and what it takes when nothing happens."""

from __future__ import annotations

import time

from rig import proc
from rig.report import Table, median
from works.run import Run

IDLE_SECONDS = 2.0


def start(run: Run) -> Table:
    """After the first time ours has its servers in the data folder, as after any restart."""
    rounds: dict[str, list[dict]] = {}
    with run.scene() as scene:
        scene.programs.end(scene.ours())
        for _ in range(run.rounds):
            for make in (scene.nginx, scene.ours, scene.haproxy):
                peer = make()
                time.sleep(IDLE_SECONDS)
                rounds.setdefault(peer.name, []).append({
                    "start_ms": peer.started * 1e3, "memory": proc.memory(peer.pid), "resident": proc.memory(peer.pid, "Rss"),
                    "threads": proc.threads(peer.pid),
                })
                scene.programs.end(peer)
    rows = [
        [
            name, f"{median(found, 'start_ms'):.0f} ms", f"{median(found, 'memory'):.1f} MB", f"{median(found, 'resident'):.1f} MB",
            f"{median(found, 'threads'):.0f}",
        ]
        for name, found in rounds.items()
    ]
    return Table(
        "Start to first tool call answered, and idle", ["", "first answer after", "memory (PSS)", "resident", "threads"], rows, rounds,
    )
