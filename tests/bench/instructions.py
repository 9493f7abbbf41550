#!/usr/bin/env python3
"""Counts the instructions that one proxied request costs our process: instructions.py GATEWAY

GATEWAY is the `mcp` that is measured; `--registry` names the one that gives it its servers (default:
the same). The work is fixed: a tool call on kept HTTP/1.1 connections to a `public` server, access log
off. Valgrind counts between two moments of one process that is warm, so start and stop are not in it. No
time is measured, so a busy machine does not matter. What it cannot see is the kernel, which is most of
a request's time, and waiting for memory.

`--closed` makes the server one that is not public, called with a token; `--asks` lets the gateway ask
an auth server about each of these calls too. Both only show figures.

Without another option it compares with instructions.json beside it and ends with 1 when the figure is
above the tolerance; `--update` writes that file; `--profile` prints which functions and files it is.
Needs Python's standard library and `valgrind`.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "scripts" / "acceptance"), str(ROOT / "tests" / "clients")]

from rig import callgrind, message, proc
from rig.lockstep import Lockstep

BASELINE = HERE / "instructions.json"
PATH = "/fininfo"
CONNECTIONS = 16
WARM_ROUNDS = 10
SETTINGS = {
    "MCP__GATEWAY__WORKERS": "1",
    # Copies by vector instructions: `rep movsb` would count as one for each byte.
    "GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=1073741824",
    # The allocator tidies up by the clock.
    "_RJEM_MALLOC_CONF": "tcache_gc_incr_bytes:1073741824,dirty_decay_ms:-1,muzzy_decay_ms:-1",
}
CALLERS_OF, CALLERS = 6, 12
# One machine repeats itself to 0.2 %; other processors take other ways through copying and the like.
TOLERANCE = 0.10


def main() -> int:
    options = arguments()
    os.environ["MCP_BIN"] = str((options.registry or options.gateway).resolve(strict=True))
    from rig.product import Product
    from rig.programs import end_on_signal
    from stack import Stack, definition

    end_on_signal()
    with Lockstep() as work, Stack() as stack:
        closed = options.closed or options.asks
        product = Product(stack, [definition(PATH, work.url) | {"public": not closed}])
        counter = callgrind.Counter(stack.folder)
        settings = SETTINGS | ({"AUTH_SERVER_URL": work.url, "MCP__AUTH__EXTERNAL_CACHE_TTL": "0s"} if options.asks else {})
        gateway, at = product.gateway(settings, [*counter.command(), str(options.gateway.resolve(strict=True))])
        if closed:
            # A session belongs to its caller; this one is nobody's, and ours would refuse it.
            del message.HEADERS["Mcp-Session-Id"]
        headers = {"Authorization": f"Bearer {product.admin.token}"} if closed else None
        request = message.request(f"{PATH}/mcp", at["gateway_http"], headers)
        work.connect(at["gateway_http"], CONNECTIONS)
        counter.begin(gateway.child.pid)
        work.call(request, WARM_ROUNDS)
        proc.settle(gateway.child.pid)
        counter.dump()
        work.call(request, options.rounds)
        each = callgrind.read(counter.dump()).per(options.rounds * CONNECTIONS)
    if options.profile:
        profile(each, options.top)
        return 0
    if closed:
        print(f"{each.total:,.0f} instructions per request")
        return 0
    return judge(each.total, options.update)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gateway", type=pathlib.Path, help="the built mcp that is measured")
    parser.add_argument("--registry", type=pathlib.Path, help="the built mcp that serves as its registry")
    parser.add_argument("--rounds", type=int, default=100, help=f"rounds of {CONNECTIONS} requests that are counted (default 100)")
    parser.add_argument("--profile", action="store_true", help="print functions and source files, by instructions per request")
    parser.add_argument("--top", type=int, default=60, help="how many of each (default 60)")
    parser.add_argument("--closed", action="store_true", help="calls with a token, at a server that is not public")
    parser.add_argument("--asks", action="store_true", help="the same, and an auth server is asked about each")
    parser.add_argument("--update", action="store_true", help="write the figure as the new baseline")
    return parser.parse_args()


def profile(each: callgrind.Counts, top: int) -> None:
    print(f"{each.total:,.0f} instructions per request\n")
    print(f"{'itself':>8} {'':>6} {'and below':>9}  functions")
    for name, cost in each.functions.most_common(top):
        print(f"{cost:8,.0f} {cost / each.total:6.1%} {each.inclusive[name]:9,.0f}  {name}")
    print(f"\n{'':>8} {'':>6}  source files, with what was inlined from them")
    for name, cost in each.files.most_common(top):
        print(f"{cost:8,.0f} {cost / each.total:6.1%}  {name}")
    for callee, _ in each.functions.most_common(CALLERS_OF):
        print(f"\n{'':>8} {'calls':>7}  who calls {callee}")
        callers = [(cost, key) for key, cost in each.calls.items() if key[0] == callee]
        for cost, key in sorted(callers, reverse=True)[:CALLERS]:
            print(f"{cost:8,.0f} {each.called[key]:7.2f}  {key[2]}  in {key[1]}")


def judge(figure: float, update: bool) -> int:
    """Against the figure in the repository; another machine type has its own."""
    machine, compiler = platform.machine(), subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.strip()
    stored = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    if update:
        stored[machine] = {"instructions_per_request": round(figure), "compiler": compiler}
        BASELINE.write_text(json.dumps(stored, indent=1) + "\n")
        print(f"{figure:,.0f} instructions per request, written as the baseline of {machine}")
        return 0
    if machine not in stored:
        print(f"{figure:,.0f} instructions per request; there is no baseline of {machine} to compare with (--update writes one)")
        return 0
    baseline = stored[machine]["instructions_per_request"]
    said = f"{figure:,.0f} instructions per request, {figure / baseline - 1:+.1%} to the baseline of {baseline:,} (tolerance {TOLERANCE:.0%})"
    if (other := stored[machine]["compiler"]) != compiler:
        said += f"; the baseline is of {other}, this is {compiler}"
    if figure > baseline * (1 + TOLERANCE):
        print(f"{said}: too many. --profile shows where they are; if they are worth it, write the new figure with --update and say why in the commit.")
        return 1
    if figure < baseline * (1 - TOLERANCE):
        said += ": well below. Keep what was gained: write the new figure with --update."
    print(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
