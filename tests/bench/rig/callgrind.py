"""Reads what callgrind wrote: instructions by function and by source file.

Promises: `read` gives what was executed in each function itself, and with its callees. Inlined code
counts for the function it was inlined into, and for the file it was written in. A function that calls
itself counts more than once in `inclusive`. The format is that of Valgrind's manual, "Callgrind Format
Specification".
"""

from __future__ import annotations

import collections
import pathlib
import re

Costs = collections.Counter
NAME = re.compile(r"\((\d+)\)(?: (.*))?$")
CRATE = re.compile(r"registry/src/[^/]+/([^/]+)/(.*)")
TOOLCHAIN = re.compile(r"/library/([^/]+)/src/(.*)")


class Counts:
    """Instructions of one run, or the part of them that falls to one request."""

    OWN = ("functions", "inclusive", "files", "calls", "called")

    def __init__(self):
        self.total: float = 0
        self.functions: Costs = collections.Counter()
        self.inclusive: Costs = collections.Counter()
        self.files: Costs = collections.Counter()
        # By callee, and the function and line that calls: instructions, and how often.
        self.calls: Costs = collections.Counter()
        self.called: Costs = collections.Counter()

    def per_request(self, less: Counts, requests: int) -> Counts:
        """What each of `requests` more requests cost, where `less` is the run without them."""
        difference = Counts()
        difference.total = (self.total - less.total) / requests
        for own in self.OWN:
            other = getattr(less, own)
            getattr(difference, own).update({name: (count - other[name]) / requests for name, count in getattr(self, own).items()})
        return difference


def read(path: pathlib.Path) -> Counts:
    """The file that `--callgrind-out-file` named."""
    counts, names = Counts(), {}
    function = file = callee = ""
    line, times = 0, 0
    with path.open(encoding="utf-8", errors="replace") as lines:
        for text in lines:
            if text[0].isdigit() or text[0] in "+-*":
                position, *costs = text.split()
                line = _line(position, line)
                cost = int(costs[0]) if costs else 0
                counts.inclusive[function] += cost
                if times:
                    caller = (callee, function, f"{file}:{line}")
                    counts.calls[caller] += cost
                    counts.called[caller] += times
                    times = 0
                else:
                    counts.functions[function] += cost
                    counts.files[file] += cost
            elif text.startswith("fn="):
                function = _name(text, names, "fn")
            elif text.startswith(("fl=", "fi=", "fe=")):
                file = short(_name(text, names, "fl"))
            elif text.startswith("cfn="):
                callee = _name(text, names, "fn")
            elif text.startswith(("cfi=", "cfl=")):
                _name(text, names, "fl")
            elif text.startswith("calls="):
                times = int(text[6:].split()[0])
            elif text.startswith(("summary:", "totals:")):
                counts.total = int(text.split()[1])
    return counts


def short(path: str) -> str:
    """A source file without where it lies on this machine."""
    for pattern in (CRATE, TOOLCHAIN):
        if found := pattern.search(path):
            return f"{found.group(1)}/{found.group(2)}"
    return path.removeprefix(str(pathlib.Path.cwd()) + "/")


def _name(text: str, names: dict[tuple[str, str], str], kind: str) -> str:
    """The name after `=`; a number alone stands for the name it was first given with."""
    said = text.partition("=")[2].rstrip("\n")
    found = NAME.match(said)
    if not found:
        return said
    number, name = found.groups()
    if name is not None:
        names[kind, number] = name
    return names.get((kind, number), said)


def _line(position: str, before: int) -> int:
    if position == "*":
        return before
    return before + int(position) if position[0] in "+-" else int(position)
