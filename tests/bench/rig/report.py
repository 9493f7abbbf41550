"""What a work found: a table for people, every round for machines.

Promises: a ratio is the median of the ratios within one round, so that a machine that is busy for a
while does not count against one peer.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import statistics
from collections.abc import Callable

Rounds = dict[str, list[dict]]


@dataclasses.dataclass
class Table:
    """One work's result."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    rounds: object
    note: str = ""

    def markdown(self) -> str:
        lines = [f"**{self.title}**", "", _row(self.columns), _row(["---", *["--:"] * (len(self.columns) - 1)]), *map(_row, self.rows)]
        return "\n".join(lines + (["", self.note] if self.note else []))


def take_turns(rounds: int, peers: list, measure: Callable[[object], dict]) -> Rounds:
    """Every peer once a round, in alternating order."""
    found: Rounds = {peer.name: [] for peer in peers}
    for number in range(rounds):
        for peer in peers if number % 2 == 0 else reversed(peers):
            found[peer.name].append(measure(peer))
    return found


def median(rounds: list[dict], key: str) -> float:
    return statistics.median(one[key] for one in rounds)


def ratio(rounds: Rounds, name: str, base: str, key: str) -> float:
    pairs = [(one[key], other[key]) for one, other in zip(rounds[name], rounds[base], strict=True) if other[key]]
    return statistics.median(one / other for one, other in pairs) if pairs else float("nan")


def compared(title: str, rounds: Rounds, unit: str = "request", base: str = "nginx", note: str = "") -> Table:
    """The usual table: CPU, its ratio, rate, delay."""
    columns = ["", f"CPU µs per {unit}", "from – to", "in the kernel", f"CPU to {base}", f"{unit}s per second", "p50 µs", "failed"]
    rows = []
    for name, found in rounds.items():
        costs = [one["cpu_us"] for one in found]
        rows.append([
            name, f"{median(found, 'cpu_us'):.1f}", f"{min(costs):.1f} – {max(costs):.1f}", f"{1 - median(found, 'user_us') / median(found, 'cpu_us'):.0%}", f"{ratio(rounds, name, base, 'cpu_us'):.2f}",
            f"{median(found, 'rate'):,.0f}", f"{median(found, 'p50_us'):,.0f}", str(sum(one["failed"] for one in found)),
        ])
    return Table(title, columns, rows, rounds, note)


def replace_section(page: pathlib.Path, name: str, text: str) -> None:
    """Puts `text` between the page's markers for `name`."""
    begin, end = f"<!-- bench: {name} -->", f"<!-- end: {name} -->"
    before = page.read_text()
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(before):
        raise ValueError(f"{page} has no place for {name}: the lines {begin} and {end} are missing")
    page.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", before))


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
