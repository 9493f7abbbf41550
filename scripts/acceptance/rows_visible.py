"""Row 3: from an answered change to its effect at the front door."""

from __future__ import annotations

import time

from figures import Figures, quantile, spread
from stack import PATH, Admin, Caller, Pair, Stack, definition, full

PATIENCE = 5.0


def run(figures: Figures) -> None:
    with Stack() as stack:
        _, at, admin, upstream = full(stack)
        measure(figures, "full mode", admin, at["gateway_http"], upstream, 0.020)
    with Stack() as stack:
        pair = Pair(stack)
        measure(figures, "two processes", pair.admin, pair.http, pair.upstream, 0.100)


def measure(figures: Figures, what: str, admin: Admin, front: str, upstream: str, limit: float) -> None:
    caller = Caller(front)
    appear, vanish = [], []
    for index in range(figures.count(200, 20)):
        path = f"/added-{index}"
        admin.add(definition(path, upstream))
        appear.append(until(caller, path, 200))
        admin.enable(path, False)
        vanish.append(until(caller, path, 404))
        admin.ok("DELETE", f"/api/servers{path}")
    for name, times in (("POST answered → callable", appear), ("disabled → 404", vanish)):
        holds = quantile(times, 0.99) <= limit
        figures.add("3", f"{what}, {name}", spread(times), f"p99 {limit * 1e3:.0f} ms", holds)


def until(caller: Caller, path: str, wanted: int) -> float:
    """Seconds until a call is answered so; the call itself counts."""
    since = time.perf_counter()
    while True:
        status = caller.status(path)
        took = time.perf_counter() - since
        if status == wanted:
            return took
        if took > PATIENCE:
            raise AssertionError(f"{path} answers {status} after {took:.1f} s, not {wanted}")
