"""Calls a tool with the Python `mcp` 2.x client: mcp_v2.py URL ERA (auto|legacy), result as JSON."""

import asyncio
import sys

import httpx2
import mcp
from mcp.client.streamable_http import streamable_http_client

import answer


async def main(url: str, era: str) -> None:
    http = httpx2.AsyncClient(headers=answer.headers(), verify=answer.tls_context(), trust_env=False, timeout=30)
    async with http, mcp.Client(streamable_http_client(url, http_client=http), mode=era) as client:
        tools = await client.list_tools()
        result = await client.call_tool(answer.TOOL, answer.ARGUMENTS)
        wrong = await answer.is_refused(client.call_tool(answer.TOOL, answer.WRONG_ARGUMENTS))
        answer.report(client.protocol_version, [tool.name for tool in tools.tools], result, wrong)


asyncio.run(main(*sys.argv[1:]))
