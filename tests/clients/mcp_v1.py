"""Calls a tool with the Python `mcp` 1.x client: mcp_v1.py URL ERA (legacy), result as JSON."""

import asyncio
import sys

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

import answer


async def main(url: str, _era: str) -> None:
    http = httpx.AsyncClient(headers=answer.headers(), verify=answer.tls_context(), trust_env=False, timeout=30)
    async with http, streamable_http_client(url, http_client=http) as (read, write, _session_id):
        async with ClientSession(read, write) as session:
            hello = await session.initialize()
            tools = await session.list_tools()
            result = await session.call_tool(answer.TOOL, answer.ARGUMENTS)
            wrong = await answer.is_refused(session.call_tool(answer.TOOL, answer.WRONG_ARGUMENTS))
            answer.report(hello.protocolVersion, [tool.name for tool in tools.tools], result, wrong)


asyncio.run(main(*sys.argv[1:]))
