"""What was measured, line by line."""

from __future__ import annotations

import statistics


class Figures:
    """Prints each figure as soon as it is there and keeps it for the end."""

    def __init__(self, share: float):
        self.share = share
        self.rows: list[dict] = []

    def count(self, full: int, least: int = 1) -> int:
        """How many of `full` this run does."""
        return max(least, round(full * self.share))

    def add(self, row: str, what: str, figure: str, limit: str, holds: bool) -> None:
        self.rows.append({"row": row, "what": what, "figure": figure, "limit": limit, "holds": holds})
        print(f"{'ok  ' if holds else 'FAIL'}  {row}  {what}: {figure}{f'  (limit {limit})' if limit else ''}", flush=True)


def quantile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * share // 1).__int__() - 1))]


def spread(seconds: list[float]) -> str:
    """Median, p99 and longest in milliseconds."""
    return (
        f"median {statistics.median(seconds) * 1e3:.1f} ms, p99 {quantile(seconds, 0.99) * 1e3:.1f} ms, "
        f"longest {max(seconds) * 1e3:.1f} ms of {len(seconds)}"
    )
