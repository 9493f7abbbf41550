"""What a process costs, from /proc: CPU time and memory of it and its descendants.

Promises: figures of the whole process tree, those that have ended included where the kernel keeps them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import time

TICKS = os.sysconf("SC_CLK_TCK")
USER, KERNEL, PARENT, THREADS = 11, 12, 1, 17
SETTLED_SECONDS = 1.0


def tree(pid: int) -> list[int]:
    """The process and its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))):
            children.setdefault(int(fields[PARENT]), []).append(int(entry))
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


def cpu(pid: int, *, of: tuple[int, ...] = (USER, KERNEL)) -> float:
    """Seconds of CPU time so far; steps are 10 ms."""
    total = 0
    for one in tree(pid):
        fields = _stat(one)
        total += sum(int(fields[index]) for index in of) if fields else 0
        if one == pid and fields:
            # Descendants that have ended.
            total += sum(int(fields[index + 2]) for index in of)
    return total / TICKS


@dataclasses.dataclass(frozen=True)
class Spent:
    """Seconds of CPU time."""

    user: float
    kernel: float

    def __sub__(self, before: Spent) -> Spent:
        return Spent(self.user - before.user, self.kernel - before.kernel)


def spent(pid: int) -> Spent:
    return Spent(cpu(pid, of=(USER,)), cpu(pid, of=(KERNEL,)))


def memory(pid: int, kind: str = "Pss") -> float:
    """MiB of user memory; pages that processes share are split among them."""
    kilobytes = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith(f"{kind}:"):
                    kilobytes += int(line.split()[1])
    return kilobytes / 1024


def threads(pid: int) -> int:
    return sum(int(fields[THREADS]) for one in tree(pid) if (fields := _stat(one)))


def settle(pid: int, limit: float = 60.0) -> None:
    """Waits until it has used no CPU for a while: what it does after it is ready is done then."""
    began = since = time.monotonic()
    before = cpu(pid)
    while time.monotonic() - since < SETTLED_SECONDS:
        if time.monotonic() - began > limit:
            raise TimeoutError(f"process {pid} did not come to rest within {limit:.0f} s")
        time.sleep(0.05)
        if (now := cpu(pid)) > before:
            before, since = now, time.monotonic()


def _stat(pid: int) -> list[str] | None:
    """The fields after the command's name."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2:].split()
