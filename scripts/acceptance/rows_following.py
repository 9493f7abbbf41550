"""Row 4: a registry that is gone or talks nonsense, under load; a start without one."""

from __future__ import annotations

import statistics
import time

from figures import Figures, spread
from load import Load, said
from rows_visible import until
from stack import PATH, Admin, Caller, Pair, Stack, definition

HELD_SECONDS = 4.0


def run(figures: Figures) -> None:
    with Stack() as stack:
        pair = Pair(stack)
        killed(figures, pair)
        cold_start(figures, pair)
    with Stack() as stack:
        nonsense(figures, Pair(stack))


def killed(figures: Figures, pair: Pair) -> None:
    pair.registry.child.kill()
    pair.registry.child.wait()
    pair.switch.turn()
    with Load(pair.http, 12, figures.count(100_000, 2_000)) as load:
        result = load.finish()
    figures.add("4", "registry killed for the whole load", said(result), "0 failed", result["failed"] == 0)


def cold_start(figures: Figures, pair: Pair) -> None:
    times = []
    pair.gateway.stop()
    for _ in range(figures.count(20, 3)):
        since = time.perf_counter()
        process, at = pair.stack.start("gateway", pair.gateway_data, pair.gateway_env)
        ready = time.perf_counter() - since
        if Caller(at["gateway_http"]).status(PATH) != 200:
            raise AssertionError("ready, but the stored server does not answer")
        times.append(ready)
        process.stop()
    figures.add("4", "gateway started without its registry, ready (looked at every 50 ms)", spread(times), "1000 ms", max(times) <= 1.0)


def nonsense(figures: Figures, pair: Pair) -> None:
    older = an_older_registry(pair)
    whole = b'{"/other": {"enabled": true, "port": 1}}'
    states = {
        "500": answer("500 Internal Server Error", "text/plain", b"no"),
        "HTML": answer("200 OK", "text/html", b"<!doctype html><title>Welcome</title>"),
        "cut-off JSON": answer("200 OK", "application/json", whole, len(whole) + 40),
        "broken JSON": answer("200 OK", "application/json", whole[:20]),
        "another shape": answer("200 OK", "application/json", b'["x"]'),
        "oversized": answer("200 OK", "application/json", b" " * (1 << 20), 1 << 40),
        "older revision": older,
    }
    with Load(pair.http, 12) as load:
        for name, state in states.items():
            pair.switch.turn(**({"to": state} if isinstance(state, str) else {"says": state}))
            since = time.monotonic()
            while time.monotonic() - since < HELD_SECONDS or pair.switch.accepted < 2:
                if time.monotonic() - since > 60:
                    raise AssertionError(f"{name}: the gateway asked only {pair.switch.accepted} times in 60 s")
                time.sleep(0.05)
            if Caller(pair.http).status("/newer") != 200:
                figures.add("4", f"registry answering {name}", "a route was lost", "routes kept", False)
        pair.switch.turn(to=pair.registry_at)
        Admin(pair.registry_at).ok("DELETE", "/api/servers/newer")
        until(Caller(pair.http), "/newer", 404)
        result = load.finish()
    figures.add("4", f"registry answering {', '.join(states)}, then itself again", said(result), "0 failed", result["failed"] == 0)


def an_older_registry(pair: Pair) -> str:
    """The same registry as it was before its last change, beside the current one."""
    pair.registry.stop()
    old = pair.stack.copy(pair.registry_data, "older-data")
    pair.registry, at = pair.stack.start("registry", pair.registry_data)
    pair.registry_at = at["registry"]
    pair.switch.turn(to=pair.registry_at)
    Admin(pair.registry_at).add(definition("/newer", pair.upstream))
    until(Caller(pair.http), "/newer", 200)
    _, at = pair.stack.start("registry", old)
    return at["registry"]


def answer(status: str, kind: str, body: bytes, says_length: int | None = None) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {says_length or len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
