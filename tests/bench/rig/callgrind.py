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
import subprocess

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

    def per(self, requests: int) -> Counts:
        """What each of `requests` cost."""
        each = Counts()
        each.total = self.total / requests
        for own in self.OWN:
            getattr(each, own).update({name: count / requests for name, count in getattr(self, own).items()})
        return each


class Counter:
    """Runs a command under callgrind and takes the counts while it goes on.

    Nothing is counted before `begin`, so that starting stays quick.
    """

    def __init__(self, folder: pathlib.Path):
        self.out = folder / "callgrind.out"
        self.pipes = f"--vgdb-prefix={folder / 'vgdb'}"
        self.dumps = 0

    def command(self) -> list[str]:
        """What goes before the command; the process stays the same one."""
        return [
            "valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no", "--vgdb=yes", self.pipes,
            f"--callgrind-out-file={self.out}",
        ]

    def begin(self, pid: int) -> None:
        self.pid = pid
        self._tell("instrumentation on")

    def dump(self) -> pathlib.Path:
        """The counts since the last time, in a file."""
        self._tell("dump")
        self.dumps += 1
        return self.out.with_name(f"{self.out.name}.{self.dumps}")

    def _tell(self, what: str) -> None:
        subprocess.run(["vgdb", self.pipes, f"--pid={self.pid}", "--cmd-time-out=30", *what.split()], check=True, capture_output=True, timeout=60)


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
