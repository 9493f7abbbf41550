"""Drives the Python `mcp` 2.x client; jobs and reports as in driver.py."""

import contextlib

import httpx2
import mcp
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CreateMessageResult, TextContent

import driver


async def run(job: dict, wire: driver.Wire, watch: driver.Watch) -> dict:
    async with contextlib.AsyncExitStack() as held:
        if job.get("transport") == "sse":
            transport = sse_client(job["url"], httpx_client_factory=wire.client)
        else:
            http = await held.enter_async_context(wire.client())
            transport = streamable_http_client(job["url"], http_client=http)
        client = mcp.Client(transport, mode=job["era"], logging_callback=watch.on_log, log_level="info", sampling_callback=_sample)
        await held.enter_async_context(client)
        return {"version": client.protocol_version} | await driver.exercise(client, job["plan"], watch)


async def _sample(_context, _params) -> CreateMessageResult:
    return CreateMessageResult(role="assistant", content=TextContent(type="text", text=driver.SAMPLED), model="matrix")


driver.main(run, httpx2)
