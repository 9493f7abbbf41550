"""The public conformance suite, directly and through the gateway: run.py [server] [client]

The same checks must come out the same way on both. A check that fails on both ways is a fault of
the peer and fails too, as does a run with fewer checks than the suite's version is known to have.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))

import harness  # noqa: E402
from suite import INSTALLED, RUNTIME, Outcomes, Suite  # noqa: E402

LEGACY, MODERN, EXTENDED = "2025-11-25", "2026-07-28", "2026-07-28-with-extensions"
# How many checks of the pinned suite the peers pass: fewer have vanished.
SERVER_CHECKS = {LEGACY: 84, MODERN: 153, EXTENDED: 197}
CLIENT_CHECKS = {LEGACY: 20, MODERN: 64}
# The suite mostly waits, for its own start too.
AT_ONCE = 4
# The gateway has its own authorization; what a server behind it says of one does not pass.
WITH_OAUTH = re.compile(r"auth/")


def peer(name: str) -> str:
    """The built peer of that name."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", harness.ROOT / "target"))
    path = target / "debug" / "examples" / name
    if not path.is_file():
        raise harness.StartError(f"{path} is not there: build it first (cargo build --examples)")
    return str(path)


@contextlib.contextmanager
def listening(*command: str):
    """A server of its own while the block lasts; its URL."""
    with subprocess.Popen(command, env=RUNTIME, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as child:
        try:
            line = child.stdout.readline()
            found = re.fullmatch(r"listening on (\S+)\n", line)
            if not found:
                raise harness.StartError(f"{command[0]} said {line!r} instead of its address")
            yield found[1]
        finally:
            child.terminate()


class Pair:
    """The same runs on both ways."""

    def __init__(self) -> None:
        self.direct, self.behind = Outcomes(), Outcomes()
        self.since = time.monotonic()

    def differences(self) -> list[str]:
        """What came out on one way and not on the other, in words."""
        lost, gained = self.direct.checks - self.behind.checks, self.behind.checks - self.direct.checks
        return [
            *(f"    - only directly:           {self.direct.because(check)}" for check in sorted(lost.elements())),
            *(f"    - only through the gateway: {self.behind.because(check)}" for check in sorted(gained.elements())),
            *(f"    - said through the gateway: {self.behind.complaints[scenario]}" for scenario in sorted(
                {check.scenario for check in [*lost, *gained]} & self.behind.complaints.keys())),
        ]


class Verdict:
    """Counts what holds and prints what does not."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def judge(self, what: str, pair: Pair, at_least: int) -> None:
        faults, direct = pair.differences(), pair.direct
        for check in sorted(direct.checks):
            if check.outcome in ("FAILURE", "WARNING"):
                faults.append(f"    - the peer itself: {direct.because(check)}")
        passed = direct.count("SUCCESS")
        if passed < at_least:
            faults.append(f"    - {passed} checks passed directly, {at_least} are known: checks have vanished")
        if faults:
            self.failed += 1
            print(f"FAIL  {what}", *faults, sep="\n", flush=True)
        else:
            self.passed += 1
            took, all_checks = time.monotonic() - pair.since, sum(direct.checks.values())
            print(f"ok    {what}: {passed} of {all_checks} checks passed, the same on both ways, {took:.1f} s", flush=True)


def pairs(pool: concurrent.futures.Executor, run, directly: list[tuple], behind: list[tuple]) -> Pair:
    """Calls `run` with every tuple of arguments, several at the same time."""
    found = Pair()
    ways = [(found.direct, args) for args in directly] + [(found.behind, args) for args in behind]
    for way, running in [(way, pool.submit(run, *args)) for way, args in ways]:
        way.add(running.result())
    return found


def server_suite(suite: Suite, stack: harness.Stack, pool: concurrent.futures.Executor, verdict: Verdict) -> None:
    """Everything the suite asks of a server, once for each revision, and with the extensions."""
    revisions = {name: ["--suite", "all", "--spec-version", name] for name in (LEGACY, MODERN)}
    # The suite has no word for "extensions alone": the revision's requirements name them beside the rest.
    everything = revisions | {EXTENDED: ["--requirements", MODERN]}
    for kind, (command, runs) in {
        "rust": ((peer("mcp-peer-server"),), everything),
        "typescript": (("node", str(HERE / "ts_server.mjs"), str(INSTALLED.parents[1])), {LEGACY: revisions[LEGACY]}),
    }.items():
        # Two of them: changes that one run causes must not be heard in the other.
        with listening(*command) as direct, listening(*command) as hidden:
            stack.api.call("POST", "/api/servers", {"server_name": kind, "path": f"/{kind}", "proxy_pass_url": hidden, "public": True})
            ways = ("direct", direct), ("behind", f"{front(stack)}/{kind}")
            for part, args in runs.items():
                calls = ([(f"{way}-{kind}/{part}", url, args)] for way, url in ways)
                verdict.judge(f"{kind} server, {part}", pairs(pool, suite.server, *calls), SERVER_CHECKS[part])


def client_suite(suite: Suite, stack: harness.Stack, pool: concurrent.futures.Executor, verdict: Verdict) -> None:
    """Everything the suite asks of a client, its watching servers once behind the gateway."""
    client = peer("mcp-peer-client")
    wrapper = f"{sys.executable} {HERE / 'behind.py'} {client}"
    gateway = {"MCP_BEHIND_URL": front(stack), "MCP_BEHIND_TOKEN": stack.api.token, "PYTHONDONTWRITEBYTECODE": "1"}
    for revision in (LEGACY, MODERN):
        names = [name for name in suite.client_scenarios(revision) if not WITH_OAUTH.match(name)]
        pair = pairs(
            pool, suite.client,
            [(f"direct-client/{revision}/{name}", client, name, revision, {}) for name in names],
            [(f"behind-client/{revision}/{name}", wrapper, name, revision, gateway) for name in names],
        )
        verdict.judge(f"client, {revision}", pair, CLIENT_CHECKS[revision])


def front(stack: harness.Stack) -> str:
    """The plain front door by address: the suite insists on a loopback name and on HTTP."""
    return f"http://{stack.listening['gateway_http']}"


SUITES = {"server": server_suite, "client": client_suite}


def main(wanted: list[str]) -> int:
    verdict = Verdict()
    with tempfile.TemporaryDirectory(prefix="mcp-conformance-") as folder, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        with harness.Stack("full", ()) as stack:
            suite = Suite(pathlib.Path(folder))
            for name in wanted or SUITES:
                SUITES[name](suite, stack, pool, verdict)
            if verdict.failed:
                stack.show_logs()
    print(f"conformance: {verdict.passed} passed, {verdict.failed} failed")
    return 1 if verdict.failed or not verdict.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
