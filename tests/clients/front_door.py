"""The front door of the real binary, from outside: front_door.py [full] [split]

For each shape of deployment (one process; registry and gateway apart): who is let in, which door answers what, and the
control plane's effect, a new server is callable, a disabled one is not. What MCP clients see is matrix.py's.
"""

from __future__ import annotations

import json
import sys
import time
import traceback

import harness

MODERN = "2026-07-28"
APPLIED_SECONDS = 2.0


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
    print(f"front door: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
