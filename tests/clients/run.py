"""Real MCP clients against the real binary: run.py [full] [split]

For each shape of deployment (one process; registry and gateway apart) a token is made through the
API and Python's `mcp` clients call a tool over HTTPS at every spelling of the server's URL. Then the
control plane's effect is checked from outside: a new server is callable, a disabled one is not.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import sys
import time
import traceback

import harness

SPELLINGS = ("/currenttime", "/currenttime/", "/currenttime/mcp")
MODERN, LEGACY = "2026-07-28", "2025-11-25"
# environment, script, era, protocol revision that must come out
CLIENTS = (
    ("venv-mcp-2.3.0", "mcp_v2.py", "auto", MODERN),
    ("venv-mcp-2.3.0", "mcp_v2.py", "legacy", LEGACY),
    ("venv-mcp-1.30.0", "mcp_v1.py", "legacy", LEGACY),
)
APPLIED_SECONDS = 2.0


def call(stack: harness.Stack, url: str, environment: str, script: str, era: str) -> dict:
    """Runs one client script to its end and returns what it reports."""
    here = harness.ROOT / "tests" / "clients"
    python = harness.ROOT / ".cache" / environment / "bin" / "python"
    done = subprocess.run(
        [str(python), str(here / script), url, era], capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "MCP_TEST_TOKEN": stack.api.token, "MCP_TEST_CA": str(stack.ca), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if done.returncode != 0:
        raise AssertionError(f"the client ended with status {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def check_time(report: dict) -> None:
    """The answer is the current time in the zone that was asked for."""
    assert not report["failed"], f"the tool failed: {report}"
    assert "current_time_by_timezone" in report["tools"], f"tools/list named {report['tools']}"
    text = " ".join(report["texts"])
    found = re.search(r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})", text)
    assert found, f"no date and time in {text!r}"
    said = datetime.datetime.fromisoformat(f"{found[1]}T{found[2]}+09:00")
    off = abs((datetime.datetime.now(datetime.timezone.utc) - said).total_seconds())
    assert off < 120, f"{text!r} is {off:.0f} s away from now in Asia/Tokyo"
    assert report["wrong_is_error"], "an unknown time zone was not answered as a tool error"


def clients_at_every_spelling(stack: harness.Stack):
    for spelling in SPELLINGS:
        for environment, script, era, version in CLIENTS:
            def test(spelling=spelling, environment=environment, script=script, era=era, version=version):
                report = call(stack, stack.url + spelling, environment, script, era)
                check_time(report)
                assert report["version"] == version, f"protocol {report['version']}, expected {version}"
            yield f"{environment.removeprefix('venv-')} ({era}) calls {spelling}", test


def post_tools_list(stack: harness.Stack, path: str, token: str | None) -> tuple[int, str]:
    """One modern `tools/list` without a client library: status and body."""
    body = {"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}}}
    headers = {
        "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/list",
    }
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = harness.urllib.request.Request(stack.url + path, data=json.dumps(body).encode(), headers=headers, method="POST")
    return harness._send(request, stack.api.context)


def refuses_without_a_token(stack: harness.Stack) -> None:
    for token in (None, "not-a-token"):
        status, body = post_tools_list(stack, "/currenttime/mcp", token)
        assert status == 401, f"token {token!r}: {status} {body[:300]}"
        assert json.loads(body)["jsonrpc"] == "2.0", f"not a JSON-RPC error: {body[:300]}"


def answers_unknown_servers_with_404(stack: harness.Stack) -> None:
    status, body = post_tools_list(stack, "/no-such-server/mcp", stack.api.token)
    assert status == 404, f"{status} {body[:300]}"
    assert "<html" not in body.lower(), "the UI's page was served for an unknown server"


def until(status: int, stack: harness.Stack, path: str) -> None:
    """The front door answers `path` with `status` soon."""
    deadline = time.monotonic() + APPLIED_SECONDS
    while True:
        seen, body = post_tools_list(stack, path, stack.api.token)
        if seen == status:
            return
        assert time.monotonic() < deadline, f"{path} still answers {seen} after {APPLIED_SECONDS} s, expected {status}: {body[:300]}"
        time.sleep(0.02)


def follows_changes_made_through_the_api(stack: harness.Stack) -> None:
    definition = {"server_name": "Clock", "path": "/clock", "proxy_pass_url": stack.examples["currenttime"] + "/"}
    stored = stack.api.call("POST", "/api/servers", definition)
    assert stored["path"] == "/clock" and stored["enabled"] is True, stored
    until(200, stack, "/clock")
    stack.api.call("PATCH", "/api/servers/clock", {"enabled": False})
    until(404, stack, "/clock")
    stack.api.call("PATCH", "/api/servers/clock", {"enabled": True})
    until(200, stack, "/clock")
    stack.api.call("DELETE", "/api/servers/clock")
    until(404, stack, "/clock")


def answers_health_on_both_doors(stack: harness.Stack) -> None:
    for base in (stack.url, stack.http_url):
        for path in ("/health", "/api/health"):
            status, body = harness.plain_get(base + path, context=stack.api.context)
            assert status == 200, f"{base}{path}: {status} {body[:300]}"


def redirects_only_the_ui_to_https(stack: harness.Stack) -> None:
    browser = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    status, _ = harness.plain_get(stack.http_url + "/ui/", browser)
    assert status == 308, f"a page over plain HTTP answered {status}"
    status, _ = harness.plain_get(stack.http_url + "/api/servers")
    assert status == 401, f"the API over plain HTTP answered {status}"


CHECKS = (
    refuses_without_a_token, answers_unknown_servers_with_404, follows_changes_made_through_the_api,
    answers_health_on_both_doors, redirects_only_the_ui_to_https,
)


def tests(stack: harness.Stack):
    yield from clients_at_every_spelling(stack)
    for check in CHECKS:
        yield check.__name__.replace("_", " "), lambda check=check: check(stack)


def run(shape: str) -> tuple[int, int]:
    passed = failed = 0
    with harness.Stack(shape) as stack:
        for name, test in tests(stack):
            try:
                test()
            except Exception:  # each test is judged by itself
                failed += 1
                print(f"FAIL  {shape}: {name}")
                traceback.print_exc()
            else:
                passed += 1
                print(f"ok    {shape}: {name}", flush=True)
        if failed:
            stack.show_logs()
    return passed, failed


def main(shapes: list[str]) -> int:
    passed = failed = 0
    for shape in shapes or ["full", "split"]:
        try:
            more_passed, more_failed = run(shape)
        except (harness.StartError, AssertionError) as error:
            print(f"FAIL  {shape}: did not start: {error}")
            more_passed, more_failed = 0, 1
        passed, failed = passed + more_passed, failed + more_failed
    print(f"clients: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
