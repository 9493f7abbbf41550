#!/usr/bin/env python3
"""Measures our gateway beside NGINX and HAProxy on the same work, in one run: bench.py MCP LOAD [WORK …]

MCP is a release build, LOAD the program of tests/bench/load. Prints a table for each work as soon as it
is there; `--json` keeps every round, `--update` puts the tables into a page's marked places. The main
figure is CPU time per request of a proxy's whole process tree, and its ratio to NGINX's within the same
round. Ends with 1 when a work could not be measured or requests failed.
Needs Python's standard library, `nginx`, `haproxy`, `wrk`, `h2load`, `curl`, `openssl` and `taskset`.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import resource
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "scripts" / "acceptance"), str(ROOT / "tests" / "clients")]

TOOLS = ("nginx", "haproxy", "wrk", "h2load", "curl", "openssl", "taskset")


def main() -> int:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    from rig.programs import CORES, end_on_signal, missing
    from rig.report import replace_section
    from works import bulk, requests, routes, start, streams
    from works.run import Run

    works = {
        "h1": requests.plain, "tls1": requests.tls1, "h2": requests.h2, "handshakes": requests.handshakes,
        "auth": requests.closed, "log": requests.logged, "workers": requests.workers, "routes": routes.many,
        "added": routes.added, "sse": streams.streams, "bulk": bulk.bulk, "start": start.start,
    }
    options = arguments(list(works))
    end_on_signal()
    if options.update and options.quick:
        sys.exit("a quick run gives no figures for a page: leave out --quick or --update")
    if lacking := missing(*TOOLS):
        sys.exit(f"not installed: {', '.join(lacking)} (scripts/setup.sh bench installs them on Debian)")
    os.environ["MCP_BIN"] = str((options.registry or options.mcp).resolve(strict=True))
    quick = options.quick
    run = Run(
        options.mcp.resolve(strict=True), options.load.resolve(strict=True), rounds=2 if quick else 5, seconds=1 if quick else 4,
        streams=500 if quick else min(5000, files // 4), routes=1000 if quick else 10_000,
    )
    report = {"machine": machine(CORES), "quick": quick, "works": {}}
    print(report["machine"], flush=True)
    broken = []
    for name in options.work or works:
        since = time.monotonic()
        try:
            table = works[name](run)
        except Exception:
            traceback.print_exc()
            broken.append(name)
            continue
        report["works"][name] = vars(table)
        print(f"\n{table.markdown()}\n\n({name} took {time.monotonic() - since:.0f} s)", flush=True)
        if options.update:
            replace_section(options.update, name, table.markdown())
    if options.update:
        replace_section(options.update, "machine", report["machine"])
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1))
    failed = [name for name, table in report["works"].items() if any(has_failures(row, table["columns"]) for row in table["rows"])]
    for names, why in ((broken, "could not be measured"), (failed, "had failed requests of ours")):
        if names:
            print(f"{', '.join(names)} {why}", file=sys.stderr)
    return 1 if broken or failed else 0


def arguments(works: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mcp", type=pathlib.Path)
    parser.add_argument("load", type=pathlib.Path)
    parser.add_argument("--registry", type=pathlib.Path, help="the built mcp that serves as registry, where MCP has no such part")
    parser.add_argument("work", nargs="*", help=f"of {', '.join(works)}; default: all")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: to see that it works, not for figures")
    parser.add_argument("--json", type=pathlib.Path, help="also write every round to this file")
    parser.add_argument("--update", type=pathlib.Path, help="also write the tables into this page")
    options = parser.parse_args()
    if unknown := [name for name in options.work if name not in works]:
        parser.error(f"there is no work {', '.join(unknown)}; works are {', '.join(works)}")
    return options


def machine(cores: list[int]) -> str:
    """What the figures were measured on and with."""
    names = [line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    versions = [_version(*argv) for argv in (("nginx", "-v"), ("haproxy", "-v"))]
    model = names[0] if names else platform.machine()
    return f"{time.strftime('%Y-%m-%d')}: {len(cores)} cores of {model}, Linux {platform.release()}; {'; '.join(versions)}."


def _version(*argv: str) -> str:
    path = os.environ["PATH"] + ":/usr/sbin"
    done = subprocess.run(argv, capture_output=True, text=True, env=os.environ | {"PATH": path})
    return " ".join((done.stdout + done.stderr).splitlines()[0].replace("nginx version: ", "").split()[:3])


def has_failures(row: list[str], columns: list[str]) -> bool:
    return "mcp" in row[0] and "failed" in columns and row[columns.index("failed")] != "0"


if __name__ == "__main__":
    sys.exit(main())
