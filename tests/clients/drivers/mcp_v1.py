"""Drives the Python `mcp` 1.x client; jobs and reports as in driver.py."""

import httpx
from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CreateMessageResult, TextContent

import driver


async def run(job: dict, wire: driver.Wire, watch: driver.Watch) -> dict:
    if job.get("transport") == "sse":
        async with sse_client(job["url"], httpx_client_factory=wire.client) as streams:
            return await _session(streams, job, watch)
    async with wire.client() as http, streamable_http_client(job["url"], http_client=http) as (read, write, _session_id):
        return await _session((read, write), job, watch)


async def _sample(_context, _params) -> CreateMessageResult:
    return CreateMessageResult(role="assistant", content=TextContent(type="text", text=driver.SAMPLED), model="matrix")


async def _session(streams, job: dict, watch: driver.Watch) -> dict:
    async with ClientSession(*streams, logging_callback=watch.on_log, sampling_callback=_sample) as session:
        hello = await session.initialize()
        return {"version": hello.protocolVersion} | await driver.exercise(session, job["plan"], watch)


driver.main(run, httpx)
