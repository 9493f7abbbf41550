"""The MCP clients of the interop matrix: real libraries and programs, each behind `do(job) -> report`.

A job and a report are those of drivers/driver.py. Promises: a client that hangs or dies spoils its own job only. Must not:
judge what a report says. Start reading at `CLIENTS`.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import queue
import subprocess

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


class Commands:
    """What clients that are run once per question share. Their output is in the report, so there is no log."""

    def __init__(self, name: str, command: tuple[str, ...], folder: pathlib.Path, env: dict[str, str]):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.command, self.env = folder, command, {"HOME": str(folder), "PATH": f"{NODE.parent}:/usr/bin:/bin"} | env

    def do(self, job: dict) -> dict:
        try:
            return self.ask(job)
        except (AssertionError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            return {"failure": f"{type(error).__name__}: {error}"}

    def ask(self, job: dict) -> dict:
        raise NotImplementedError

    def run(self, *args: str, may_fail: bool = False) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [*self.command, *args], env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=JOB_SECONDS)
        assert may_fail or done.returncode == 0, f"{args} ended with status {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def tail(self) -> str:
        return ""

    def stop(self) -> None:
        """Nothing runs between questions."""


class Inspector(Commands):
    """The inspector's command line: one process per method."""

    def ask(self, job: dict) -> dict:
        # The token goes into a file: arguments are for everybody to read.
        headers = {"Authorization": f"Bearer {self.env['MCP_TEST_TOKEN']}"} if job["token"] else {}
        kind = "sse" if job["transport"] == "sse" else "streamable-http"
        config = self.folder / "servers.json"
        config.write_text(json.dumps({"mcpServers": {"it": {"type": kind, "url": job["url"], "headers": headers}}}))
        config.chmod(0o600)
        plan, era = job["plan"], job["era"]
        return {
            "version": self._result(era, "initialize")["protocolVersion"],
            "tools": self._result(era, "tools/list")["tools"],
            "call": self._result(era, *self._call(plan["call"])),
            "wrong": [self._result(era, *self._call(wrong)) for wrong in plan["wrong"][-1:]],
        }

    @staticmethod
    def _call(call: dict) -> tuple[str, ...]:
        return "tools/call", "--tool-name", call["name"], "--tool-args-json", json.dumps(call["arguments"])

    def _result(self, era: str, method: str, *args: str) -> dict:
        done = self.run("--cli", "--config", "servers.json", "--server", "it", "--format", "json", "--quiet",
                        "--protocol-era", era, "--method", method, *args, may_fail=True)
        # A tool's error is a result with a status of its own; an error of the protocol stands on standard error.
        text = done.stdout if done.stdout.strip() else done.stderr
        answer = json.loads(text.strip().splitlines()[-1])
        assert "result" in answer or method == "tools/call", f"{method}: {text}"
        return answer.get("result", answer)


@dataclasses.dataclass(frozen=True)
class Client:
    """A client and the way it chooses a revision; `kind(name, command, folder, env)` makes it."""

    name: str
    era: str
    kind: type
    command: tuple[str, ...]
    # Whether it takes the diagonal's paths too; a client with a process per question takes two of them.
    thorough: bool = True
    sse: bool = True
    http2: bool = True

    @property
    def label(self) -> str:
        return f"{self.name} ({self.era})"

    @property
    def process(self) -> str:
        """Rows with the same one share a process and so run one after the other."""
        return self.name if self.kind is Driver else self.label


_PY2 = (python("mcp-2.3.0"), str(HERE / "drivers" / "mcp_v2.py"))
_PY1 = (python("mcp-1.30.0"), str(HERE / "drivers" / "mcp_v1.py"))
_FASTMCP = (python("fastmcp-4.1.2"), str(HERE / "drivers" / "fastmcp_v4.py"))
_TS1 = (str(NODE), str(HERE / "node" / "ts_v1.mjs"))
_TS2 = (str(NODE), str(HERE / "node" / "ts_v2.mjs"))
_RMCP = (str(example("mcp-peer-client")), "jobs")
_INSPECTOR = (str(NODE.parent / "mcp-inspector"),)

# The slowest first, so that two at a time end together.
CLIENTS = (
    Client("inspector-2.12.0", "legacy", Inspector, _INSPECTOR, thorough=False, http2=False),
    Client("inspector-2.12.0", "auto", Inspector, _INSPECTOR, thorough=False, http2=False),
    Client("python-2.3.0", "auto", Driver, _PY2),
    Client("python-2.3.0", "legacy", Driver, _PY2),
    Client("python-1.30.0", "legacy", Driver, _PY1),
    Client("fastmcp-4.1.2", "auto", Driver, _FASTMCP),
    Client("typescript-sdk-1.32.2", "legacy", Driver, _TS1),
    Client("typescript-client-2.4.0", "legacy", Driver, _TS2),
    Client("typescript-client-2.4.0", "auto", Driver, _TS2),
    Client("rmcp", "auto", Driver, _RMCP, sse=False, http2=False),
    Client("rmcp", "legacy", Driver, _RMCP, sse=False, http2=False),
)
