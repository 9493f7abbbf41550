"""The MCP clients of the interop matrix: real libraries and programs, each behind a script that does jobs.

A job and a report are those of drivers/driver.py. Promises: a client that hangs or dies spoils its own job only. Must not:
judge what a report says. Start reading at `CLIENTS`.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import queue

from child import Child, StartError
from upstreams import CLIENTS as HERE
from upstreams import NODE, example, python

JOB_SECONDS = 60
TAIL_LINES = 25


class Driver:
    """A script that answers jobs until its standard input ends; one process for many jobs."""

    def __init__(self, name: str, command: tuple[str, ...], folder: pathlib.Path, env: dict[str, str]):
        self._start = lambda: Child(name, folder, list(command), {"PYTHONDONTWRITEBYTECODE": "1"} | env, talks=True)
        self._child: Child | None = None

    def do(self, job: dict) -> dict:
        if self._child is None:
            self._child = self._start()
        try:
            self._child.say(json.dumps(job))
            if (line := self._child.lines.get(timeout=JOB_SECONDS)) is not None:
                return json.loads(line)
            why = "the client ended"
        except queue.Empty:
            why = f"the client said nothing for {JOB_SECONDS} s"
        except StartError as error:
            why = str(error)
        tail = self.tail()
        self.stop()
        return {"failure": f"{why}\n{tail}"}

    def tail(self) -> str:
        return self._child.tail(TAIL_LINES) if self._child else ""

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None


@dataclasses.dataclass(frozen=True)
class Client:
    """A client and the way it chooses a revision. Rows of one name share a process."""

    name: str
    era: str
    command: tuple[str, ...]
    sse: bool = True
    http2: bool = True

    @property
    def label(self) -> str:
        return f"{self.name} ({self.era})"


_PY2 = (python("mcp-2.3.0"), str(HERE / "drivers" / "mcp_v2.py"))
_PY1 = (python("mcp-1.30.0"), str(HERE / "drivers" / "mcp_v1.py"))
_FASTMCP = (python("fastmcp-4.1.2"), str(HERE / "drivers" / "fastmcp_v4.py"))
_TS1 = (str(NODE), str(HERE / "node" / "ts_v1.mjs"))
_TS2 = (str(NODE), str(HERE / "node" / "ts_v2.mjs"))
_RMCP = (str(example("mcp-peer-client")), "jobs")
_INSPECTOR = (str(NODE), str(HERE / "node" / "inspector.mjs"))

CLIENTS = (
    Client("inspector-2.12.0", "legacy", _INSPECTOR, http2=False),
    Client("inspector-2.12.0", "auto", _INSPECTOR, http2=False),
    Client("python-2.3.0", "auto", _PY2),
    Client("python-2.3.0", "legacy", _PY2),
    Client("python-1.30.0", "legacy", _PY1),
    Client("fastmcp-4.1.2", "auto", _FASTMCP),
    Client("typescript-sdk-1.32.2", "legacy", _TS1),
    Client("typescript-client-2.4.0", "legacy", _TS2),
    Client("typescript-client-2.4.0", "auto", _TS2),
    Client("rmcp", "auto", _RMCP, sse=False, http2=False),
    Client("rmcp", "legacy", _RMCP, sse=False, http2=False),
)
