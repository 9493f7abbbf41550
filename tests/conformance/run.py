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

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))

import harness  # noqa: E402
from suite import Outcomes, Suite  # noqa: E402

LEGACY, MODERN = "2025-11-25", "2026-07-28"
# How many checks of the pinned suite the peers pass: fewer have vanished.
SERVER_CHECKS = {LEGACY: 84, MODERN: 153, "extensions": 44}
CLIENT_CHECKS = {LEGACY: 20, MODERN: 64}
# The suite mostly waits, for its own start too.
AT_ONCE = 4
# Scenarios of ours or nobody's: the gateway has its own authorization, the peer has no skills.
NOT_OURS = re.compile(r"auth/|sep-2640-")


def peer(name: str) -> str:
    """The built peer of that name."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", harness.ROOT / "target"))
    path = target / "debug" / "examples" / name
    if not path.is_file():
        raise harness.StartError(f"{path} is not there: build it first (cargo build --examples)")
    return str(path)


@contextlib.contextmanager
def peer_server():
    """A peer server of its own; its URL."""
    with subprocess.Popen([peer("mcp-peer-server")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as child:
        try:
            line = child.stdout.readline()
            found = re.fullmatch(r"listening on (\S+)\n", line)
            if not found:
                raise harness.StartError(f"mcp-peer-server said {line!r} instead of its address")
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
    """Everything the suite asks of a server, once for each revision, and the extensions."""
    # Two of them: changes that one run causes must not be heard in the other.
    with peer_server() as direct, peer_server() as hidden:
        stack.api.call("POST", "/api/servers", {"server_name": "Peer", "path": "/peer", "proxy_pass_url": hidden, "public": True})
        behind = f"{front(stack)}/peer"
        for revision in (LEGACY, MODERN):
            args = ["--suite", "all", "--spec-version", revision]
            pair = pairs(pool, suite.server, [(f"direct/{revision}", direct, args)], [(f"behind/{revision}", behind, args)])
            verdict.judge(f"server, {revision}", pair, SERVER_CHECKS[revision])
        extensions = [name for name, revisions in suite.scenarios("server").items() if revisions == ["extension"] and not NOT_OURS.match(name)]
        runs = [(name, ["--scenario", name]) for name in extensions]
        pair = pairs(
            pool, suite.server,
            [(f"direct/{name}", direct, args) for name, args in runs],
            [(f"behind/{name}", behind, args) for name, args in runs],
        )
        verdict.judge("server, extensions", pair, SERVER_CHECKS["extensions"])


def client_suite(suite: Suite, stack: harness.Stack, pool: concurrent.futures.Executor, verdict: Verdict) -> None:
    """Everything the suite asks of a client, its watching servers once behind the gateway."""
    client = peer("mcp-peer-client")
    wrapper = f"{sys.executable} {pathlib.Path(__file__).with_name('behind.py')} {client}"
    gateway = {"MCP_BEHIND_URL": front(stack), "MCP_BEHIND_TOKEN": stack.api.token, "PYTHONDONTWRITEBYTECODE": "1"}
    listed = suite.scenarios("client")
    for revision in (LEGACY, MODERN):
        names = [name for name, revisions in listed.items() if revision in revisions and not NOT_OURS.match(name)]
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
