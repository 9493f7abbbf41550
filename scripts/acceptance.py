#!/usr/bin/env python3
"""Measures the product's figures on a built binary: acceptance.py BINARY [--row N] [--share F]

Starts real processes with data in temporary folders and prints one line for each figure: what was
measured, its limit, and whether it holds. Ends with 1 when one does not. `--share 0.1` runs a tenth
of the counts, to see that the script itself works. Needs Python's standard library and `openssl`.
The rows are in acceptance/rows_*.py; each names what it does not cover.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "acceptance"), str(HERE.parent / "tests" / "clients")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path, help="the built mcp")
    parser.add_argument("--row", action="append", default=[], help="only this row; may be given several times")
    parser.add_argument("--share", type=float, default=1.0, help="share of the full counts (default 1)")
    parser.add_argument("--gateway-binary", type=pathlib.Path, help="a build with the gateway alone, for row 7")
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures to this file")
    options = parser.parse_args()
    os.environ["MCP_BIN"] = str(options.binary.resolve(strict=True))
    if options.gateway_binary:
        os.environ["MCP_GATEWAY_BIN"] = str(options.gateway_binary.resolve(strict=True))

    from figures import Figures
    import rows_crash, rows_following, rows_list, rows_process, rows_swaps, rows_visible

    rows = {
        "3": rows_visible.run, "4": rows_following.run, "5": rows_swaps.run,
        "6": rows_crash.run, "7": rows_process.run, "8": rows_list.run,
    }
    if unknown := [row for row in options.row if row not in rows]:
        parser.error(f"there is no row {', '.join(unknown)}; rows are {', '.join(rows)}")
    figures = Figures(options.share)
    for name, run in rows.items():
        if options.row and name not in options.row:
            continue
        since = time.monotonic()
        try:
            run(figures)
        except Exception:
            traceback.print_exc()
            figures.add(name, "the measurement itself", "broke off, see above", "", False)
        print(f"      row {name} took {time.monotonic() - since:.0f} s", flush=True)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures.rows, indent=1))
    failed = [row for row in figures.rows if not row["holds"]]
    print(f"{len(figures.rows) - len(failed)} hold, {len(failed)} do not")
    return 1 if failed or not figures.rows else 0


if __name__ == "__main__":
    sys.exit(main())
