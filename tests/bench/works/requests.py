"""Tool calls: plain, over TLS, with both access logs, with a token, by more workers; and TLS handshakes."""

from __future__ import annotations

from rig.programs import CORES, LOAD, PROXY, Peer
from rig.report import Table, compared, ratio, take_turns
from works.run import Run

CALL, CLOSED = "/fininfo/mcp", "/closed/mcp"
WARM_SECONDS = 1


def turns(run: Run, peers: list[Peer], measure) -> dict:
    """Once for warming up, then the rounds."""
    for peer in peers:
        measure(peer, WARM_SECONDS)
    return take_turns(run.rounds, peers, lambda peer: measure(peer, run.seconds))


def plain(run: Run) -> Table:
    with run.scene() as scene:
        loads = run.loads(scene)
        rounds = turns(run, scene.all(), lambda peer, seconds: loads.wrk(peer, CALL, seconds))
    return compared("Tool call over plain HTTP/1.1, 64 connections", rounds)


def tls1(run: Run) -> Table:
    with run.scene() as scene:
        loads = run.loads(scene)
        rounds = turns(run, scene.all(), lambda peer, seconds: loads.wrk(peer, CALL, seconds, tls=True))
    return compared("Tool call over HTTP/1.1 and TLS, 64 connections", rounds)


def h2(run: Run) -> Table:
    with run.scene() as scene:
        loads = run.loads(scene)
        rounds = turns(run, scene.all(), lambda peer, seconds: loads.h2load(peer, CALL, seconds))
    return compared("Tool call over HTTP/2 and TLS, 8 connections of 8 streams (delay: mean)", rounds)


def handshakes(run: Run) -> Table:
    with run.scene() as scene:
        loads = run.loads(scene)
        rounds = turns(run, scene.all(), loads.handshakes)
    return compared("TLS 1.3 handshake, P-256, no resumption", rounds, "handshake")


def logged(run: Run) -> Table:
    with run.scene() as scene:
        loads = run.loads(scene)
        peers = [scene.nginx(log=True), scene.ours(log=True)]
        rounds = turns(run, peers, lambda peer, seconds: loads.wrk(peer, CALL, seconds))
        lines = sum(1 for _ in (scene.folder / "mcp.log").open("rb"))
    asked = sum(one["count"] for one in rounds["mcp"])
    if lines < asked:
        raise RuntimeError(f"our access log has {lines} lines for at least {asked} requests")
    return compared("The same with both access logs on, each into a file", rounds)


def closed(run: Run) -> Table:
    with run.scene() as scene:
        loads = run.loads(scene)
        peers = [scene.nginx(), scene.ours(), scene.ours("mcp, asking", asks=True)]
        token = scene.product().admin.token
        rounds = turns(run, peers, lambda peer, seconds: loads.wrk(peer, CLOSED, seconds, token=token))
    return compared(
        "The same with a token: ours verifies it and remembers that, NGINX asks with `auth_request`; the last also asks, each time", rounds,
        note="They ask a server that costs nothing; a real one is on top of it.",
    )


def workers(run: Run) -> Table:
    """With two cores there is none left for the load: nothing is pinned where there are two workers."""
    apart = len(CORES) >= 4
    with run.scene() as scene:
        loads, free = run.loads(scene), run.loads(scene, LOAD if apart else None)
        two = ",".join(map(str, CORES[-2:])) if apart else None
        peers = [
            scene.nginx("nginx", core=PROXY), scene.nginx("nginx, 2 workers", workers=2, core=two),
            scene.ours("mcp", core=PROXY), scene.ours("mcp, 2 workers", workers=2, core=two),
        ]
        rounds = turns(run, peers, lambda peer, seconds: (free if "2" in peer.name else loads).wrk(peer, CALL, seconds))
    theirs, ours = (ratio(rounds, f"{name}, 2 workers", name, "cpu_us") for name in ("nginx", "mcp"))
    return compared(
        "Two workers beside one" + ("" if apart else "; with two workers the load shares their cores"), rounds,
        note=f"CPU per request with two workers to one: NGINX {theirs:.2f}, mcp {ours:.2f}; mcp's to NGINX's {ours / theirs:.2f}.",
    )
