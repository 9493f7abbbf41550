"""What clients send through somebody else's gateway, and what may become of it.

`requests` makes every request of the table. Its verdict is what our own gateway would say, given what the gateway in
front can tell: one that sends no bodies lets a POST pass for those with every right only.
"""

from __future__ import annotations

import base64
import dataclasses
import itertools
import json

PASS, REFUSE, NEVER_PRIVATE = "pass", "refuse", "never at the private server"


@dataclasses.dataclass
class Request:
    """One request and its verdict."""

    name: str
    verdict: str
    method: str = "GET"
    target: str = "/currenttime/mcp"
    user: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    chunked: bool = False
    status: int | None = None
    """Set where the client must see exactly this one."""


def call(tool: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}}).encode()


def method(name: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": name}).encode()


JSON = ("Content-Type", "application/json")
READ, WRITE = call("read"), call("write")
WRAPPED = "=?base64?" + base64.b64encode(READ).decode() + "?="

# What clients must not be able to say, in spellings that may slip through.
FORGED: tuple[tuple[tuple[str, str], ...], ...] = (
    (("X-Body", READ.decode()),),
    (("X-Body", WRAPPED),),
    (("x-body", ""),),
    (("X-Body", READ.decode()), ("X-Body", WRAPPED)),
    (("X_Body", WRAPPED),),
    (("X-Original-URL", "/fininfo/mcp"),),
    (("X-Original-URL", "http://forged/fininfo/mcp"),),
    (("x-original-url", "/fininfo/mcp"), ("X-ORIGINAL-URL", "/fininfo/mcp")),
    (("X_Original_URL", "/fininfo/mcp"),),
    (("X-Original-URI", "/fininfo/mcp"),),
    (("X-Original-Method", "GET"),),
    (("X-Original-Method", "GET"), ("X-Forwarded-Method", "GET")),
    (("X-Forwarded-Method", "GET"),),
    (("X_Forwarded_Method", "GET"),),
    (("X-Forwarded-Uri", "/fininfo/mcp"),),
    (("X-FORWARDED-URI", "/fininfo/mcp"), ("x-forwarded-uri", "/fininfo/mcp")),
    (("X-Forwarded-Prefix", "/fininfo"),),
    (("X-Rewrite-URL", "/fininfo/mcp"),),
    (("X-Gateway-Authorization", "Bearer forged"),),
    (("X-Gateway-Authorization", f"Bearer mcpg_{'0' * 16}_{'0' * 64}_{'0' * 8}"),),
    (("X_Gateway_Authorization", "Bearer forged"),),
    (("X-HTTP-Method-Override", "GET"), ("X-HTTP-Method", "GET"), ("X-Method-Override", "GET")),
    (("Connection", "close, X-Gateway-Authorization, X-Original-URL, X-Original-Method, X-Forwarded-Uri, X-Forwarded-Method"),),
    (("Connection", "close, X-Body, Authorization, X-User, X-Scopes"),),
    (("Connection", "close, X-User"), ("X-User", "forged"), ("X-Scopes", "forged")),
    (("X-User", "forged"), ("x-user", "forged"), ("X-Username", "forged"), ("X-Scopes", "forged all")),
    (("X-Auth-Method", "forged"), ("X-Client-Id", "forged"), ("X-Server-Name", "forged"), ("X-Tool-Name", "forged")),
    (("X_User", "forged"), ("X_Username", "forged"), ("X-Auth_Method", "forged"), ("X_Scopes", "forged")),
    (("X-MCP-Identity", "forged"), ("Cookie", "mcp_gateway_session=forged")),
)

# Ways to write the private server's path that a gateway may read in another way than we do.
PATHS = (
    "/currenttime/mcp", "//currenttime/mcp", "/currenttime//mcp", "/./currenttime/mcp", "/%63urrenttime/mcp",
    "/currenttime%2fmcp", "/CurrentTime/mcp", "/currenttime/..;/mcp", "/currenttime/%2e/mcp",
    "/fininfo/../currenttime/mcp", "/fininfo/%2e%2e/currenttime/mcp", "/fininfo/.%2e/currenttime/mcp",
    "/fininfo/..%2fcurrenttime/mcp", "/fininfo%2f..%2fcurrenttime/mcp", "/fininfo/..;/currenttime/mcp",
    "/fininfo/%252e%252e/currenttime/mcp", "/fininfo//../currenttime/mcp", "/fininfo\\..\\currenttime/mcp",
    "/fininfo/../../currenttime/mcp", "/currenttime/mcp?/fininfo/mcp", "/currenttime/mcp?x=/../../fininfo/mcp",
    "/currenttime/mcp#/fininfo/mcp", "/currenttime/mcp/../../fininfo/../currenttime/mcp",
    "http://fininfo/currenttime/mcp", "http://h/fininfo/../currenttime/mcp", "/fininfo/..%5ccurrenttime/mcp",
    "/fininfo/%c0%ae%c0%ae/currenttime/mcp", "/currenttime/%00/mcp", "/_mcp_auth",
)


def requests(sends_body: bool):
    """The table for a gateway of one of the two kinds."""
    yield from good(sends_body)
    yield from forged(sends_body)
    yield from paths()
    if sends_body:
        yield from bodies()


def good(sends_body: bool):
    seen = PASS if sends_body else REFUSE
    post = {"method": "POST", "headers": (JSON,)}
    yield Request("every right, a call", PASS, user="full", body=WRITE, status=200, **post)
    yield Request("every right, no token in Authorization", PASS, method="POST", body=WRITE, headers=(JSON, ("X-Authorization", "Bearer {full}")))
    yield Request("part, the tool allowed", seen, user="part", body=READ, **post)
    yield Request("part, another tool", REFUSE, user="part", body=WRITE, status=403, **post)
    yield Request("part, initialize", seen, user="part", body=method("initialize"), **post)
    yield Request("part, another method", REFUSE, user="part", body=method("resources/read"), status=403, **post)
    yield Request("part, a stream", PASS, user="part", status=200)
    yield Request("part, the end of a session", PASS, user="part", method="DELETE", status=200)
    yield Request("part, another path below", REFUSE, user="part", target="/currenttime/other", status=403)
    yield Request("no right", REFUSE, user="none", status=403)
    yield Request("no right, a call", REFUSE, user="none", body=READ, status=403, **post)
    yield Request("nobody", REFUSE, status=401)
    yield Request("nobody, a call", REFUSE, body=READ, status=401, **post)
    yield Request("a token of nobody's", REFUSE, user="wrong", status=401)
    yield Request("a public server", PASS, target="/fininfo/mcp", status=200)
    yield Request("a public server, a call", PASS, target="/fininfo/mcp", body=WRITE, status=200, **post)
    yield Request("no server", REFUSE, user="full", target="/nothing/mcp")
    yield Request("a tunnel", REFUSE if sends_body else NEVER_PRIVATE, headers=(("Connection", "Upgrade"), ("Upgrade", "websocket")))


def forged(sends_body: bool):
    # Who, what, verdict without the forgery.
    bases = (
        ("none", "GET", b"", REFUSE), ("none", "POST", READ, REFUSE), (None, "GET", b"", REFUSE), (None, "POST", READ, REFUSE),
        ("part", "POST", WRITE, REFUSE), ("part", "POST", READ, PASS if sends_body else REFUSE), ("part", "GET", b"", PASS),
        ("full", "POST", WRITE, PASS), ("wrong", "POST", READ, REFUSE),
    )
    for (user, verb, body, verdict), forgery in itertools.product(bases, FORGED):
        names = [name for name, _ in forgery]
        # Some refuse such names as a whole.
        strange = any("_" in name for name in names) or "Connection" in names
        verdict_here = None if strange and verdict == PASS else verdict
        headers = ((JSON,) if verb == "POST" else ()) + forgery
        yield Request(f"{user or 'nobody'} {verb} with {forgery}", verdict_here or "either", method=verb, user=user, headers=headers, body=body)


def paths():
    for target, user in itertools.product(PATHS, (None, "none")):
        for verb, body in (("GET", b""), ("POST", READ)):
            headers = (JSON,) if body else ()
            yield Request(f"{user or 'nobody'} {verb} {target}", NEVER_PRIVATE, method=verb, target=target, user=user, headers=headers, body=body)
    for target in PATHS:
        yield Request(f"part POST {target}", NEVER_PRIVATE, method="POST", target=target, user="part", headers=(JSON,), body=WRITE)


def bodies():
    post = {"method": "POST", "user": "part"}
    modern = ("MCP-Protocol-Version", "2026-07-28")
    wide = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":"' + b"x" * 40_000 + b'"}}'
    edge = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":"' + b"x" * 32_000 + b'"}}'
    table = (
        ("a batch of both", b"[" + READ + b"," + WRITE + b"]", REFUSE), ("a batch", b"[" + READ + b"]", PASS),
        ("two names", READ[:-2] + b',"name":"write"}}', REFUSE), ("two methods", READ[:-1] + b',"method":"tools/list"}', REFUSE),
        ("an escape", READ.replace(b'"read"', b'"\\u0072ead"'), PASS), ("an escape, write", WRITE.replace(b'"write"', b'"\\u0077rite"'), REFUSE),
        ("lines between", READ.replace(b", ", b",\r\n\t"), PASS), ("a line inside", READ.replace(b"read", b"re\nad"), REFUSE),
        ("letters beyond ASCII", READ.replace(b'"id": 1', '"id": "é€😀"'.encode()), PASS), ("no UTF-8", READ.replace(b'"id": 1', b'"id": "\xff"'), REFUSE),
        ("nothing", b"", REFUSE), ("no JSON", b"x=1", REFUSE), ("a NUL", READ + b"\0", REFUSE), ("two messages", READ + WRITE, REFUSE),
        ("almost too long", edge, PASS), ("too long", wide, REFUSE),
    )
    for name, body, verdict in table:
        yield Request(f"body: {name}", verdict, headers=(JSON,), body=body, **post)
    yield Request("body: too long, every right", PASS, method="POST", user="full", headers=(JSON,), body=wide)
    yield Request("body: in chunks", REFUSE, headers=(JSON,), body=WRITE, chunked=True, **post)
    yield Request("body: in chunks, allowed", PASS, headers=(JSON,), body=READ, chunked=True, **post)
    yield Request("body: long in chunks", REFUSE, headers=(JSON,), body=wide, chunked=True, **post)
    yield Request("body: another type", REFUSE, headers=(("Content-Type", "text/plain"),), body=READ, **post)
    yield Request("body: compressed", REFUSE, headers=(JSON, ("Content-Encoding", "gzip")), body=READ, **post)
    yield Request("headers: another tool", REFUSE, headers=(JSON, modern, ("Mcp-Method", "tools/call"), ("Mcp-Name", "write")), body=READ, **post)
    yield Request("headers: the same", PASS, headers=(JSON, modern, ("Mcp-Method", "tools/call"), ("Mcp-Name", "read")), body=READ, **post)
    yield Request("headers: twice", REFUSE, headers=(JSON, modern, ("Mcp-Method", "tools/call"), ("Mcp-Name", "read"), ("Mcp-Name", "write")), body=READ, **post)
