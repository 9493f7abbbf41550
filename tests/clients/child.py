"""One process that a test started: its output in a file, its lines, its end.

Promises: it gets no more environment than it needs, its output is kept for a failure's report, and
`stop` ends it. Must not: know what the process is. Start reading at `Child`.
"""

from __future__ import annotations

import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import threading
import time

READY_SECONDS = 60
STOP_SECONDS = 40


class StartError(RuntimeError):
    """A process did not come up; the message carries the end of its log."""


class Child:
    """One running process whose output goes to a file.

    With `talks` its standard input is a pipe, and what it says on standard output is an answer that is not kept.
    """

    def __init__(self, name: str, folder: pathlib.Path, command: list[str], env: dict[str, str], talks: bool = False):
        self.name = name
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.log_path = folder / "output.log"
        clean = {key: os.environ[key] for key in ("PATH", "LANG", "TZ", "RUST_BACKTRACE") if key in os.environ}
        clean |= {"HOME": str(folder), "NO_PROXY": "*"} | env
        self._log = self.log_path.open("wb")
        self._talks = talks
        self.child = subprocess.Popen(
            command, env=clean, cwd=folder, start_new_session=True,
            stdin=subprocess.PIPE if talks else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log,
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    def _read_output(self) -> None:
        for line in self.child.stdout:
            if not self._talks:
                self._log.write(line)
                self._log.flush()
            self.lines.put(line.decode(errors="replace"))
        self.lines.put(None)

    def line_matching(self, pattern: str, within: float = READY_SECONDS) -> re.Match[str]:
        """Waits for a line of standard output that matches."""
        deadline = time.monotonic() + within
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise StartError(f"{self.name} printed no line like {pattern!r} within {within} s\n{self.tail()}") from None
            if line is None:
                raise StartError(f"{self.name} ended before it printed a line like {pattern!r}\n{self.tail()}")
            if found := re.search(pattern, line):
                return found

    def say(self, line: str) -> None:
        """Writes one line to its standard input."""
        try:
            self.child.stdin.write(line.encode() + b"\n")
            self.child.stdin.flush()
        except OSError as error:
            raise StartError(f"{self.name} takes no more input: {error}\n{self.tail()}") from error

    def tail(self, lines: int = 60) -> str:
        """The end of its output."""
        self._log.flush()
        text = self.log_path.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join([f"--- end of {self.name}'s output ---", *text, "---"])

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when that is not enough. Reports a process that had to be killed."""
        if self.child.stdin is not None:
            self.child.stdin.close()
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                print(f"{self.name} did not stop within {STOP_SECONDS} s and was killed\n{self.tail()}", file=sys.stderr)
                self.child.kill()
                self.child.wait()
        self._reader.join(5)
        self._log.close()
