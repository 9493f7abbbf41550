"""The request and the answer that most works use: a tool call of about 400 bytes, 600 bytes of JSON back.

Promises: every peer gets the same bytes but for the target and `Host`.
"""

from __future__ import annotations

import json

SESSION = "0f8fad5b-d9cb-469f-a165-70867728950e"
BODY = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
    "name": "get_stock_aggregates", "arguments": {
        "stock_ticker": "AMZN", "multiplier": 1, "timespan": "day", "from_date": "2026-01-09", "to_date": "2026-02-10",
        "adjusted": True, "sort": "asc", "limit": 5000, "note": "x" * 13,
    }, "_meta": {"progressToken": 7, "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
}})
HEADERS = {
    "User-Agent": "python-httpx/0.28.1", "Accept": "application/json, text/event-stream", "Content-Type": "application/json",
    "Mcp-Session-Id": SESSION, "Mcp-Protocol-Version": "2025-06-18",
}
ANSWER_BYTES = 600


def request(path: str, host: str, headers: dict[str, str] | None = None) -> bytes:
    """The whole request, for HTTP/1.1."""
    fields = {"Host": host} | HEADERS | (headers or {}) | {"Content-Length": str(len(BODY))}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n" + BODY).encode()


def answer() -> bytes:
    """The whole answer of a server that costs nothing."""
    head, tail = '{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"', '"}],"isError":false}}'
    body = head + ("stock price 101.25 " * 40)[:ANSWER_BYTES - len(head) - len(tail)] + tail
    return (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Mcp-Session-Id: {SESSION}\r\nCache-Control: no-store\r\n\r\n{body}"
    ).encode()
