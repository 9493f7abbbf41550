"""What the Python servers of the matrix share: what they offer, and the listener.

A server gets the tools `add`, `wait_for_release` and `release`, the resource `memo://greeting` and the prompt `greet`.
`wait_for_release` reports progress and a log line, then holds its answer until `release` is called with the same key:
a client that sees the progress only together with the answer can never release it.
"""

import asyncio
import collections
import contextlib
import socket

import uvicorn

RELEASE_SECONDS = 10

_released: dict[str, asyncio.Event] = collections.defaultdict(asyncio.Event)


def declare(server, context: type) -> None:
    """Gives a server its tools, resource and prompt; the decorators are the same in both major versions and FastMCP."""

    @server.tool()
    async def add(a: int, b: int) -> int:
        """Adds two numbers."""
        return a + b

    @server.tool()
    async def wait_for_release(key: str, ctx: context) -> str:
        """Reports progress, then answers once it is released."""
        await ctx.report_progress(1, 2, "begun")
        await ctx.info("waiting to be released")
        await ctx.report_progress(2, 2, "waiting")
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(_released[key].wait(), RELEASE_SECONDS)
            return "released"
        return "nobody released it"

    @server.tool()
    async def release(key: str) -> str:
        """Lets the waiting call with this key go on."""
        _released[key].set()
        return "done"

    @server.resource("memo://greeting")
    def greeting() -> str:
        return "Good morning, grüß Gott"

    @server.prompt()
    def greet(name: str) -> str:
        return f"Greet {name}."


def listen(app, path: str) -> None:
    """Serves the application on a loopback port that the kernel chose, and says where."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}{path}", flush=True)
    # A stream that a client left open must not hold up the end of the test.
    uvicorn.Server(uvicorn.Config(app, log_level="info", timeout_graceful_shutdown=1)).run(sockets=[listener])
