"""Runs the public conformance suite and reads what it found.

Promises: a run's outcome is every check of every scenario, whatever the suite's exit status says:
checks that vanish leave that at 0. Must not: judge. Start reading at `Suite`.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import subprocess

import harness

INSTALLED = harness.ROOT / ".cache" / "conformance" / "node_modules" / ".bin"
# The suite needs the Node that was installed with it.
RUNTIME = {"PATH": f"{INSTALLED}{os.pathsep}{os.environ['PATH']}", "NO_PROXY": "*"}
RUN_SECONDS = 180


@dataclasses.dataclass(frozen=True, order=True)
class Check:
    """One check's outcome. Several checks of a scenario may share an id, and even all of this."""

    scenario: str
    id: str
    name: str
    outcome: str

    def __str__(self) -> str:
        return f"{self.scenario}: {self.id} ({self.name}): {self.outcome}"


class Outcomes:
    """What one run found: how often each check came out how, and why where it says so."""

    def __init__(self) -> None:
        self.checks: collections.Counter[Check] = collections.Counter()
        self.reasons: dict[Check, str] = {}
        # What a client said on standard error, by scenario.
        self.complaints: dict[str, str] = {}

    def read(self, scenario: str, path: pathlib.Path) -> None:
        """Adds the checks of one scenario."""
        for check in json.loads(path.read_text()):
            seen = Check(scenario, check["id"], check["name"], check["status"])
            self.checks[seen] += 1
            if reason := check.get("errorMessage"):
                self.reasons[seen] = reason
        with contextlib.suppress(FileNotFoundError):
            if complaint := path.with_name("stderr.txt").read_text().strip():
                self.complaints[scenario] = complaint

    def add(self, other: Outcomes) -> None:
        """Takes in another run's outcomes."""
        self.checks += other.checks
        self.reasons |= other.reasons
        self.complaints |= other.complaints

    def count(self, *outcomes: str) -> int:
        return sum(times for check, times in self.checks.items() if check.outcome in outcomes)

    def because(self, check: Check) -> str:
        """The check in words, with its reason."""
        reason = self.reasons.get(check)
        return f"{check}\n        {reason}" if reason else str(check)


class Suite:
    """The installed suite; results go below `folder`, a folder for each run."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.env = RUNTIME | {"HOME": str(folder)}

    def run(self, args: list[str], env: dict[str, str] | None = None) -> str:
        """One call of the suite; its output. It exits with 1 when a check failed, which is not ours to judge."""
        done = subprocess.run(
            ["conformance", *args], env=self.env | (env or {}), cwd=self.folder, timeout=RUN_SECONDS,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        if done.returncode not in (0, 1):
            raise AssertionError(f"conformance {' '.join(args)} ended with status {done.returncode}\n{done.stdout}")
        return done.stdout

    def client_scenarios(self, revision: str) -> list[str]:
        """The names of the client's scenarios that a revision has."""
        sections = re.split(r"^(\w+) (?:server )?scenarios", self.run(["list"]), flags=re.M)
        lines = re.findall(r"^\s+- (\S+) \[(.*)\]$", sections[sections.index("Client") + 1], flags=re.M)
        return [name for name, revisions in lines if revision in revisions.split(",")]

    def server(self, label: str, url: str, args: list[str]) -> Outcomes:
        """The server suite at a URL."""
        out = self.folder / label
        output = self.run(["server", "--url", url, "-o", str(out), *args])
        return self._outcomes(out, "server-", output)

    def client(self, label: str, command: str, scenario: str, revision: str, env: dict[str, str]) -> Outcomes:
        """One scenario of the client suite with a command; its arguments must not have blanks."""
        out = self.folder / label
        args = ["client", "--command", command, "--scenario", scenario, "--spec-version", revision, "-o", str(out)]
        return self._outcomes(out, "", self.run(args, env))

    def _outcomes(self, out: pathlib.Path, prefix: str, output: str) -> Outcomes:
        found = Outcomes()
        for path in sorted(out.glob("**/checks.json")):
            # PREFIX-SCENARIO-TIME, where a scenario's name may have slashes.
            name = re.sub(r"-\d{4}-\d\d-\d\dT[\dZ-]+$", "", path.parent.relative_to(out).as_posix())
            found.read(name.removeprefix(prefix), path)
        if not found.checks:
            raise AssertionError(f"the suite left no checks in {out}\n{output}")
        return found
