"""Many routes: what each request costs then, and what adding one more does to a load that goes on."""

from __future__ import annotations

import contextlib
import json
import time

from rig import message, proc
from rig.programs import Peer, serves
from rig.report import Table, compared, median, ratio
from rig.scene import Scene, names
from works.requests import CALL, turns
from works.run import Run

FEW = 10
RATE, CALM_SECONDS, AFTER_SECONDS, LIMIT_SECONDS = 2000, 1.0, 5.0, 30.0
CHANGES = 5


def many(run: Run) -> Table:
    with run.scene() as scene:
        loads = run.loads(scene)
        counts = {f"{name}, {count:,} routes": count for name in ("nginx", "mcp") for count in (FEW, run.routes)}
        peers = [(scene.ours if name.startswith("mcp") else scene.nginx)(name, routes=count) for name, count in counts.items()]
        target = {name: f"/{names(count)[-1]}/mcp" for name, count in counts.items()}
        rounds = turns(run, peers, lambda peer, seconds: loads.wrk(peer, target[peer.name], seconds))
    few, many, *_ = counts
    shares = [ratio(rounds, *reversed([name for name in counts if name.startswith(who)]), "cpu_us") for who in ("nginx", "mcp")]
    return compared(
        f"{FEW} and {run.routes:,} routes, calls to the last one", rounds, base=few,
        note=f"CPU per request with {run.routes:,} routes to {FEW}: NGINX {shares[0]:.2f}, mcp {shares[1]:.2f}.",
    )


def added(run: Run) -> Table:
    found: dict[str, list[dict]] = {}
    with run.scene() as scene:
        peers = [scene.nginx(routes=run.routes), scene.ours(routes=run.routes), scene.haproxy(routes=run.routes)]
        for peer in peers:
            found[peer.name] = [_add(run, scene, peer, number) for number in range(CHANGES)]
            scene.programs.end(peer)
    rows = []
    for name, changes in found.items():
        growth = [(one["after"] - one["before"]) / one["before"] for one in changes]
        rows.append([
            name, f"{median(changes, 'serves_ms'):.0f} ms", str(sum(one["failed"] for one in changes)),
            f"{median(changes, 'longest_us') / 1e3:.1f} ms", f"{median(changes, 'before'):.0f} MB", f"{median(changes, 'peak'):.0f} MB",
            f"{sorted(growth)[len(growth) // 2]:+.1%}",
        ])
    return Table(
        f"One route added to {run.routes:,} under {RATE:,} calls a second, {CHANGES} times",
        ["", "serves after", "failed", "longest call", "memory before", "peak", f"{AFTER_SECONDS:.0f} s after"], rows, found,
        "Ours is told through the registry's API, in another process; the others get a file and a signal.",
    )


def _add(run: Run, scene: Scene, peer: Peer, number: int) -> dict:
    request = scene.folder / f"{peer.name}.request"
    request.write_bytes(message.request(CALL, peer.http))
    route, before = f"added{number}", proc.memory(peer.pid)
    arguments = ["rate", "--to", peer.http, "--request", str(request), "--connections", "64", "--rate", str(RATE)]
    child = run.loads(scene).begin([*arguments, "--seconds", str(CALM_SECONDS + AFTER_SECONDS)])
    try:
        child.stdout.readline()
        time.sleep(CALM_SECONDS)
        since = time.monotonic()
        peer.recipe.add_route(route, peer.pid)
        while not serves(peer.http, f"/{route}/mcp"):
            if time.monotonic() - since > LIMIT_SECONDS:
                raise TimeoutError(f"{peer.name} does not serve a new route within {LIMIT_SECONDS:.0f} s")
            time.sleep(0.002)
        took, peak = time.monotonic() - since, before
        while child.poll() is None:
            peak = max(peak, proc.memory(peer.pid))
            time.sleep(0.1)
        figures = json.loads(child.stdout.read().splitlines()[-1])
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        child.wait()
        child.stdout.close()
    return figures | {"serves_ms": took * 1e3, "before": before, "peak": peak, "after": proc.memory(peer.pid)}
